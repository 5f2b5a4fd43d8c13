"""What an engine is given to answer for a model that a caller made: found by the ARN that it answers under.

Knows nothing of the API. A custom model by itself answers nobody, as at AWS: a deployment or a provisioned throughput
of it does. An imported model answers under its own ARN.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..catalog import REFRESH_S, Catalog, Model
from ..config import Settings
from ..errors import ModelNotReadyException, ResourceNotFoundException, ValidationException
from ..jobs import CUSTOM_MODEL
from ..names import arn, fine_tuned_id, id_in, kind_of
from ..store.resources import Resource, Resources

DEPLOYMENT, PROVISIONED, IMPORTED = "custom-model-deployment", "provisioned-model", "imported-model"
"""Kinds of resources, and of their ARNs."""

SERVING = {DEPLOYMENT: "Active", PROVISIONED: "InService"}
"""Kind -> the status in which it answers. While it comes up, callers are told to try again."""

UNIT = 4
"""Requests at a time that a model unit of provisioned throughput reserves: slots of the model's engine."""

KEPT = 1000
"""Names that are remembered for REFRESH_S."""

NOT_ALONE = (
    "Invocation of model ID {} with on-demand throughput isn’t supported. Retry your request with the ARN of a custom "
    "model deployment or of a provisioned throughput that contains this model."
)
"""Bedrock's words for a model that is invoked through something else only."""


class CustomModels:
    """Names of models that callers made -> models. One instance serves any number of callers at once."""

    def __init__(self, settings: Settings, resources: Resources, catalog: Catalog) -> None:
        self._settings, self._resources, self._catalog = settings, resources, catalog
        self._seen: dict[str, tuple[float, Model]] = {}

    async def find(self, identifier: str) -> Model | None:
        """The model of an ARN, or of a provisioned throughput's name; at most REFRESH_S old. None for other names.

        ModelNotReadyException while it comes up, ValidationException for one that cannot answer.
        """
        when, model = self._seen.get(identifier, (float("-inf"), None))
        if time.monotonic() - when < REFRESH_S:
            return model
        model = await self._find(identifier)
        if model is not None:
            self._remember(identifier, model)
        return model

    def forget(self) -> None:
        """Something changed: nothing that was seen before counts."""
        self._seen.clear()

    def folder(self, kind: str, id: str) -> Path:
        """Where the files of a custom or imported model lie."""
        return self._settings.home / f"{kind}s" / id

    def arn(self, kind: str, id: str) -> str:
        return arn(self._settings, kind, id)

    async def of_custom(self, id: str, name: str) -> Model:
        """A custom model as it answers under the ARN `name`."""
        try:
            custom = await self._resources.get(CUSTOM_MODEL, id)
        except ResourceNotFoundException as error:
            raise ValidationException("The custom model of this deployment is gone.") from error
        if custom.body["modelStatus"] != "Active":
            raise ModelNotReadyException(f"The custom model {custom.name} is {custom.body['modelStatus']}.")
        return await self.of(custom, name)

    async def of(self, made: Resource, name: str) -> Model:
        """A model that was made here: an adapter over its base, or weights of its own."""
        folder, body = self.folder(made.kind, made.id), made.body
        if body.get("form") == "adapter":
            base = await self._under(body["base"])
            adapter = str(folder / "adapter.gguf")
            return replace(base, id=name, name=made.name or name, adapter=adapter, base=base.engine)
        whole: dict[str, Any] = {
            "id": name,
            "name": made.name or name,
            "source": str(folder / "model.gguf"),
            "base": body["modelArn"],
        }
        if known := body.get("serving") or body["base"].get("serving"):  # imported, or trained on what was
            kept = {key: tuple(value) if isinstance(value, list) else value for key, value in known.items()}
            return Model(**{**kept, **whole, "provider": "Imported", "region": self._settings.region})
        base = await self._catalog.resolve(body["base"]["id"])
        return replace(base, **whole, package="", mmproj=None, folder=str(folder / "hf"))

    async def _under(self, base: dict[str, Any]) -> Model:
        """What an adapter was trained on: a foundation model, or the whole weights of another custom model."""
        if "whole" not in base:
            return await self._catalog.resolve(base["id"])
        whole = await self._resources.get(CUSTOM_MODEL, base["whole"])
        return await self.of(whole, whole.body["modelArn"])

    async def _find(self, identifier: str) -> Model | None:
        kind = kind_of(identifier)
        if kind == CUSTOM_MODEL:
            raise ValidationException(NOT_ALONE.format(identifier))
        if kind == IMPORTED:
            return await self._imported(identifier)
        if id := fine_tuned_id(identifier):
            found = await self._resources.find(DEPLOYMENT, id)
            return await self._serving(found) if found and found.body.get("fineTunedModel") == identifier else None
        if kind is None and (named := await self._resources.named(PROVISIONED, identifier)):
            return await self._serving(named)
        if kind in SERVING and (found := await self._get(kind, identifier)):
            return await self._serving(found)
        return None

    async def _imported(self, identifier: str) -> Model | None:
        found = await self._get(IMPORTED, identifier)
        return None if found is None else await self.of(found, identifier)

    async def _get(self, kind: str, identifier: str) -> Resource | None:
        return await self._resources.find(kind, id_in(identifier, kind) or "")

    async def _serving(self, found: Resource) -> Model:
        """The model behind a deployment or a provisioned throughput."""
        body = found.body
        if body["status"] == "Failed":
            raise ValidationException(f"{body['arn']} failed to come up: {body.get('failureMessage', '')}")
        if body["status"] == "Creating":
            raise ModelNotReadyException(f"{body['arn']} is still being created. Try again in a few seconds.")
        return await self.of_target(body["target"], body["arn"], body.get("modelUnits", 0))

    async def of_target(self, target: str, name: str, units: int = 0) -> Model:
        """What a deployment or a provisioned throughput leads to: a custom model, or a foundation model's id."""
        return replace(await self._target(target, name), reserved=units * UNIT)

    async def _target(self, target: str, name: str) -> Model:
        if id := id_in(target, CUSTOM_MODEL):
            return await self.of_custom(id, name)
        model = await self._catalog.resolve(target)
        return replace(model, id=name, base=model.engine)

    def _remember(self, identifier: str, model: Model) -> None:
        if len(self._seen) >= KEPT:
            self._seen.clear()
        self._seen[identifier] = time.monotonic(), model
