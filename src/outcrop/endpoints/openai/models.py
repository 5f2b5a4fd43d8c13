"""/models: everything that is served under a name of its own; what fine-tuning made can be deleted.

Knows nothing of how models are run.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...api.custom_models import remove
from ...call import Call
from ...catalog import Model
from ...custom import DEPLOYMENT
from ...custom.serving import SERVING
from ...dialects.openai_parts import fault
from ...errors import ServiceError
from ...jobs import CUSTOM_MODEL
from ...names import fine_tuned_id, id_in
from ...store.resources import Resource
from ..door import Answer, Request
from . import asked


async def list_all(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/models/list; aliases stand after the models."""
    catalog = await call.services.catalog.snapshot()
    named = [(name, catalog.find(name)) for name in catalog.names()]
    data = [await _written(name, model) for name, model in named if model is not None]
    return Answer({"object": "list", "data": [*data, *await _tuned(call)]})


async def _tuned(call: Call) -> list[dict[str, Any]]:
    """What fine-tuning made and can answer now, the oldest first."""
    names = [made.body["fineTunedModel"] for made in await call.services.resources.list(DEPLOYMENT) if _answers(made)]
    data = []
    for name in reversed(names):
        with suppress(ServiceError):  # deleted meanwhile
            data.append(await _written(name, await call.services.catalog.resolve(name)))
    return data


def _answers(made: Resource) -> bool:
    return "fineTunedModel" in made.body and made.body["status"] == SERVING[DEPLOYMENT]


async def retrieve(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/models/retrieve; also by alias, inference profile or ARN."""
    name = request.params["model"]
    return Answer(await _written(name, await asked.find(call, name)))


async def delete(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/models/delete; the weights go with it."""
    name = request.params["model"]
    id = fine_tuned_id(name) or id_in(name, CUSTOM_MODEL)
    if id is None:
        await asked.find(call, name)
        raise fault(f"#: the model {name} was not made by fine-tuning and cannot be deleted here", "model")
    resources = call.services.resources
    custom, deployed = await resources.find(CUSTOM_MODEL, id), await resources.find(DEPLOYMENT, id)
    if custom is None or name not in (custom.body["modelArn"], custom.body.get("fineTunedModel")):
        raise asked.absent(name)
    await remove(call, custom.id, deployed)
    return Answer({"id": name, "object": "model", "deleted": True})


async def _written(name: str, model: Model) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": await _since(model), "owned_by": model.provider.lower()}


async def _since(model: Model) -> int:
    """When the model's file came here, in seconds since the epoch; 0 for a remote one."""
    try:
        return 0 if model.remote else int((await asyncio.to_thread(Path(model.adapter or model.source).stat)).st_mtime)
    except OSError:
        return 0
