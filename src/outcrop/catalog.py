"""The models that are served, and every name they answer to.

Knows nothing of how a model is run or of how its file came here. Built-in models are JSON cards in the package
(models/*.json, read once); added models and aliases live in the records, and a change by another process is seen
within REFRESH_S.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from . import packaged
from .config import Settings
from .engines.endpoint import KINDS
from .errors import ConflictException, ResourceNotFoundException, ServiceUnavailableException, ValidationException
from .keys import MasterKey
from .store.records import Records
from .store.tables import aliases as alias_table
from .store.tables import models as model_table

CARDS = Path(__file__).parent / "models"
REFRESH_S = 1.0

ID = re.compile(r"(?=.{1,64}\Z)[a-z0-9-]{1,63}\.[a-z0-9-]{2,63}([.:][a-z0-9-]{1,63})?")
"""What a model's id may be: it satisfies every pattern of the service models, also inside an ARN, and 64 characters
are all that an inference profile's id may have."""

ALIAS = re.compile(r"(?=.{1,64}\Z)[a-z0-9-]{1,63}\.[a-z0-9-]{2,63}([.][a-z0-9-]{1,63})?(:[a-z0-9-]{1,63}){0,2}")
"""What an alias may be: AWS's own ids go further (`anthropic.claude-v2:0:100k`), though not inside every ARN."""

PREFIXES = ("us.", "us-gov.", "eu.", "apac.", "jp.", "au.", "ca.", "global.")
"""Geographies: such a prefix on a served id names an inference profile of it."""

_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]{0,20}:(?::foundation-model|[0-9]{0,12}:inference-profile)/(.+)")

UNKNOWN = "The provided model identifier is invalid."
"""Bedrock's words, for an id and for an ARN."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """One served model, as its engine and its callers need to know it."""

    id: str
    name: str
    provider: str
    source: str
    """Absolute path of a GGUF file, or the http(s) URL of a server that somebody else runs."""
    kind: str = "llama"
    """Key of engines.endpoint.KINDS."""
    served_name: str = "default"
    """The model's name in a body sent to its engine."""
    key: str | None = field(default=None, repr=False)
    """Bearer key for a remote server."""
    context_length: int = 4096
    parameters: int = 0
    size_bytes: int = 0
    input_modalities: tuple[str, ...] = ("TEXT",)
    output_modalities: tuple[str, ...] = ("TEXT",)
    tools: bool = True
    reasoning: bool = False
    system: bool = True
    streaming: bool = True
    mmproj: str | None = None
    """Vision projector: absolute path of a GGUF file."""
    family: str = "anthropic"
    """Body dialect of InvokeModel."""
    reranks: bool = False
    """It scores documents against a query, and does nothing else."""
    package: str = ""
    """Key of packaged.PACKAGES: the package that `source` is made from when the model is first loaded."""
    folder: str | None = None
    """Hugging Face folder of the same weights, where there is one: what training starts from."""
    adapter: str | None = None
    """LoRA adapter that is laid over `source`: absolute path of a GGUF file."""
    base: str = ""
    """Id of the model whose engine answers this one too; empty where it has an engine of its own."""
    reserved: int = 0
    """Slots of the engine that are kept for requests by this name, which has no more; 0 where it shares the rest."""
    region: str = "us-east-1"

    @property
    def arn(self) -> str:
        return self.id if self.id.startswith("arn:") else foundation_model_arn(self.region, self.id)

    @property
    def engine(self) -> str:
        """Id of the model whose engine answers."""
        return self.base or self.id

    @property
    def task(self) -> str:
        """What it is for: `chat`, `embedding` or `rerank`."""
        return "embedding" if "EMBEDDING" in self.output_modalities else "rerank" if self.reranks else "chat"

    @property
    def remote(self) -> bool:
        return self.source.startswith(("http://", "https://"))


def foundation_model_arn(region: str, model_id: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The catalog as it was read at one moment. `models` holds built-in ones first; aliases map to model ids."""

    models: Mapping[str, Model]
    aliases: Mapping[str, str]

    def find(self, model_id: str) -> Model | None:
        """The model behind an id, an alias, an inference profile or an ARN of one of these."""
        arn = _ARN.fullmatch(model_id)
        name = arn[1] if arn else model_id
        return self._named(name) or self._named(without_prefix(name))

    def _named(self, name: str) -> Model | None:
        return self.models.get(self.aliases.get(name, name))

    def names(self) -> list[str]:
        """Everything that is served under a name of its own, models first."""
        return [*self.models, *self.aliases]


def without_prefix(name: str) -> str:
    """`us.meta.llama` -> `meta.llama`; other names as they are."""
    prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), "")
    return name.removeprefix(prefix)


class Catalog:
    """All served models. One instance serves any number of callers at once."""

    def __init__(self, records: Records, settings: Settings, cards: Path = CARDS) -> None:
        self._records = records
        self._settings = settings
        self._builtin = _cards(cards, settings)
        self._snapshot = Snapshot(self._builtin, {})
        self._read_at = float("-inf")
        self._changes = 0
        self._reading = asyncio.Lock()
        self.beyond: Callable[[str], Awaitable[Model | None]] = _nothing
        """Asked for names that are not the catalog's own: models that callers made."""

    async def resolve(self, model_id: str) -> Model:
        """The model for an id, alias, foundation-model ARN, inference profile id or ARN, or for a name `beyond`.

        ValidationException for a name that nothing has, and what `beyond` raises.
        """
        model = (await self.snapshot()).find(model_id) or await self.beyond(model_id)
        if model is None:
            raise ValidationException(packaged.missing(model_id) or UNKNOWN)
        return model

    async def snapshot(self) -> Snapshot:
        """The catalog, at most REFRESH_S old. While the database cannot be read, the last known one goes on."""
        if time.monotonic() - self._read_at < REFRESH_S:
            return self._snapshot
        async with self._reading:
            if time.monotonic() - self._read_at >= REFRESH_S:
                await self._read()
        return self._snapshot

    async def list(self) -> list[Model]:
        """Built-in models, then added ones in the order of their adding."""
        return [*(await self.snapshot()).models.values()]

    async def aliases(self) -> dict[str, str]:
        """Alias -> model id."""
        return dict((await self.snapshot()).aliases)

    def is_builtin(self, model_id: str) -> bool:
        return model_id in self._builtin

    async def add(self, model: Model) -> None:
        """Serve one more model. ConflictException when the id is taken; ValidationException for one that cannot be."""
        _check(model)
        await asyncio.to_thread(_check_source, model)
        body = self._to_body(model)
        try:
            async with self._records.write() as db:
                await self._refuse_taken(db, model.id)
                await db.execute(insert(model_table).values(id=model.id, body=body))
        except IntegrityError as error:  # Postgres: another process was faster
            raise ConflictException(f"The id {model.id} is taken.") from error
        self._forget()

    async def remove(self, model_id: str) -> list[str]:
        """Stop serving an added model, and return the aliases that went with it. Its file stays.

        ValidationException for a built-in one, ResourceNotFoundException for one that is not there.
        """
        if self.is_builtin(model_id):
            raise ValidationException(f"{model_id} is built in and cannot be removed.")
        async with self._records.write() as db:
            gone = await db.execute(delete(model_table).where(model_table.c.id == model_id))
            if not gone.rowcount:
                raise ResourceNotFoundException(f"No added model has the id {model_id}.")
            names = await db.scalars(select(alias_table.c.name).where(alias_table.c.model_id == model_id))
            lost = [*names.all()]
            await db.execute(delete(alias_table).where(alias_table.c.model_id == model_id))
        self._forget()
        return lost

    async def alias(self, name: str, model_id: str) -> str:
        """Let a model answer under `name` too; returns the model's id. An alias of an alias points at its model.

        ConflictException when the name is taken; ValidationException for a name or model that cannot be.
        """
        if len(name) > 64 or not ALIAS.fullmatch(without_prefix(name)):
            raise ValidationException(f"{name!r} cannot be an alias: it must look like vendor.model-name.")
        self._forget()
        target = (await self.resolve(model_id)).id
        try:
            async with self._records.write() as db:
                await self._refuse_taken(db, name)
                if not self.is_builtin(target) and not await _exists(db, model_table.c.id, target):
                    raise ValidationException(UNKNOWN)
                await db.execute(insert(alias_table).values(name=name, model_id=target))
        except IntegrityError as error:
            raise ConflictException(f"The id {name} is taken.") from error
        self._forget()
        return target

    async def unalias(self, name: str) -> None:
        """Remove an alias; ResourceNotFoundException when there is none of that name."""
        async with self._records.write() as db:
            gone = await db.execute(delete(alias_table).where(alias_table.c.name == name))
            if not gone.rowcount:
                raise ResourceNotFoundException(f"There is no alias {name}.")
        self._forget()

    async def _refuse_taken(self, db: AsyncConnection, name: str) -> None:
        if self.is_builtin(name) or await _exists(db, model_table.c.id, name):
            raise ConflictException(f"The id {name} is taken by a model.")
        if await _exists(db, alias_table.c.name, name):
            raise ConflictException(f"The id {name} is taken by an alias; `outcrop models rm {name}` removes it.")

    def _forget(self) -> None:
        self._read_at = float("-inf")
        self._changes += 1

    async def _read(self) -> None:
        # Stamped before reading, and of no age when we changed something meanwhile: a change is never read over.
        stamp, changes = time.monotonic(), self._changes
        try:
            async with self._records.read() as db:
                rows = (await db.execute(select(model_table).order_by(model_table.c.created, model_table.c.id))).all()
                names = (await db.execute(select(alias_table.c.name, alias_table.c.model_id))).all()
        except ServiceUnavailableException as error:
            if self._read_at == float("-inf"):
                raise
            logger.warning("the catalog could not be read; the last known one goes on: %s", error.message)
        else:
            added = {row.id: self._from_body(row.id, row.body) for row in rows if row.id not in self._builtin}
            self._snapshot = Snapshot({**self._builtin, **added}, {row.name: row.model_id for row in names})
        self._read_at = stamp if changes == self._changes else float("-inf")

    def _to_body(self, model: Model) -> dict[str, Any]:
        body = dataclasses.asdict(model)
        del body["region"]
        if model.key:
            sealed = MasterKey.open(self._settings.home / "master.key").seal(model.key, model.id)
            body["key"] = base64.b64encode(sealed).decode()
        return body

    def _from_body(self, model_id: str, body: dict[str, Any]) -> Model:
        key = self._unsealed(model_id, body["key"]) if body.get("key") else None
        return _model({**body, "key": key, "region": self._settings.region})

    def _unsealed(self, model_id: str, sealed: str) -> str | None:
        """The key of a remote server. One that no longer opens must not take the other models down."""
        try:
            return MasterKey.open(self._settings.home / "master.key").unseal(base64.b64decode(sealed), model_id)
        except ServiceUnavailableException as error:
            logger.error("the key of model %s is lost: %s", model_id, error.message)
            return None


async def _nothing(name: str) -> Model | None:
    return None


async def _exists(db: AsyncConnection, column: Any, value: str) -> bool:
    return (await db.execute(select(column).where(column == value))).first() is not None


def _model(body: Mapping[str, Any]) -> Model:
    """A Model from JSON; members that another version wrote are passed over."""
    known = {f.name for f in dataclasses.fields(Model)}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in body.items() if key in known
    }
    return Model(**values)


def _cards(folder: Path, settings: Settings) -> dict[str, Model]:
    """The built-in models. A card is a Model in JSON whose `source` is a file beside it, or, for one that another
    package carries, a file in the home folder that is made when the model is first loaded."""
    models = {}
    for path in sorted(folder.glob("*.json")):
        body = json.loads(path.read_text("utf-8"))
        package = body.get("package", "")
        source = settings.home / "models" / body["id"] / body["source"] if package else folder / body["source"]
        if source.is_file() or (package and packaged.installed(package)):
            models[body["id"]] = _model({**body, "source": str(source.absolute()), "region": settings.region})
        elif not package:
            logger.warning("%s: the model's file %s is not here", path.name, source)
    return models


def _check(model: Model) -> None:
    if not ID.fullmatch(model.id) or model.id != without_prefix(model.id):
        raise ValidationException(
            f"{model.id!r} cannot be a model's id: vendor.model-name of lower-case letters, digits and hyphens, "
            f"not beginning with {', '.join(PREFIXES)}."
        )
    if model.kind not in KINDS:
        raise ValidationException(f"Kind {model.kind!r} is unknown; known: {', '.join(KINDS)}.")
    if model.context_length < 1 or not model.name or not model.provider:
        raise ValidationException("A model needs a name, a provider and a context of at least one token.")


def _check_source(model: Model) -> None:
    files = [model.mmproj, model.adapter, None if model.remote else model.source]
    for path in filter(None, files):
        if not Path(path).is_absolute() or not Path(path).is_file():
            raise ValidationException(f"{path} is not the absolute path of a file.")
