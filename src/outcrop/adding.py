"""How a file, a folder, a hub repository or a running server becomes a served model.

Knows nothing of the command line. What a model can do is read from its file: chat template, numbers, pooling.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .catalog import Catalog, Model
from .convert import SEQUENCE_LENGTH, convert, is_encoder
from .dialects import EMBEDDERS, KNOWN, RERANKERS
from .engines.endpoint import KINDS, Endpoint
from .engines.gguf_info import GgufInfo, read_info
from .engines.post import Client, parse
from .errors import ConflictException, ServiceError
from .pull import Progress, Pulled, pull

POOLED = {1: "titan_embed", 2: "titan_embed", 3: "titan_embed", 4: "cohere_rerank"}
"""llama.cpp's pooling type -> the family of bodies that such a model takes by its own id."""

PROBE_S = 10.0
"""How long a remote server may take to name its models."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user says of a new model; None leaves it to what the file or the server says."""

    id: str | None = None
    name: str | None = None
    provider: str | None = None
    kind: str | None = None
    served_name: str | None = None
    key: str | None = None
    context: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    mmproj: Path | None = None
    family: str | None = None
    copy: bool = False
    """Copy a GGUF file into the home folder instead of serving it where it lies."""


async def add(catalog: Catalog, home: Path, source: str, wish: Wish) -> Model:
    """Serve a GGUF file, a folder of safetensors (converted into home/models/<id>/) or a server's URL.

    Raises ValueError or OSError for what cannot be read, ConflictException for an id that is taken.
    """
    _check_family(wish.family)
    if source.startswith(("http://", "https://")):
        return await _keep(catalog, await _remote(source, wish))
    path = _absolute(source)
    chosen = wish.id or default_id("local", path.name.removesuffix(".gguf"))
    await _refuse_taken(catalog, chosen)
    path = await asyncio.to_thread(_bring, path, home / "models" / chosen.replace(":", "-"), wish.copy)
    return await _keep(catalog, await asyncio.to_thread(describe, path, replace(wish, id=chosen)))


async def add_pulled(
    catalog: Catalog, home: Path, spec: str, wish: Wish, progress: Progress, endpoint: str | None = None
) -> Model:
    """Fetch a model from a hub and serve it. A second pull of what is served already changes nothing.

    Raises PullError beside what `add` raises.
    """
    _check_family(wish.family)
    organisation, _, repository = spec.removeprefix("hf:").partition(":")[0].partition("@")[0].partition("/")
    chosen = wish.id or default_id(organisation, repository)
    pulled = await asyncio.to_thread(pull, spec, home, progress, endpoint)
    model = await asyncio.to_thread(describe, pulled.path, _with_pulled(replace(wish, id=chosen), pulled))
    served = (await catalog.snapshot()).models.get(chosen)
    if served and served.source == model.source:
        return served
    return await _keep(catalog, model)


def _check_family(family: str | None) -> None:
    if family is not None and family not in KNOWN:
        raise ValueError(f"family {family!r} is unknown; known: {', '.join(KNOWN)}")


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()


def _with_pulled(wish: Wish, pulled: Pulled) -> Wish:
    name = wish.name or pulled.repo.partition("/")[2]
    mmproj = wish.mmproj or (pulled.mmproj if wish.vision is not False else None)
    return replace(wish, name=name, provider=wish.provider or pulled.repo.partition("/")[0], mmproj=mmproj)


def default_id(vendor: str, name: str) -> str:
    """`vendor.name` in the characters that an id may have: `local.qwen3-0-6b-q8-0`."""
    vendor, name = (re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") for text in (vendor, name))
    return f"{vendor or 'local'}.{name or 'model'}"[:64].rstrip("-")


def describe(path: Path, wish: Wish) -> Model:
    """The Model that a GGUF file is; ValueError for adapters, projectors and files that are no models."""
    info = read_info(path)
    if info.type != "model":
        advice = (
            "give it with --mmproj to the model it belongs to" if info.type == "mmproj" else "it needs its base model"
        )
        raise ValueError(f"{path} is of type {info.type}, not a model: {advice}.")
    assert wish.id is not None
    vision = _sees(wish)
    return Model(
        id=wish.id,
        name=wish.name or info.name or path.stem,
        provider=wish.provider or wish.id.partition(".")[0],
        source=str(path),
        kind=wish.kind or "llama",
        served_name=wish.served_name or "default",
        context_length=wish.context or _context(info),
        parameters=info.parameters,
        size_bytes=info.size_bytes,
        input_modalities=("TEXT", "IMAGE") if vision else ("TEXT",),
        mmproj=str(_absolute(wish.mmproj)) if wish.mmproj else None,
        family=wish.family or POOLED.get(info.pooling, "anthropic"),
        **_abilities(info, wish),
    )


def _context(info: GgufInfo) -> int:
    own = info.metadata.get(SEQUENCE_LENGTH)
    return own if isinstance(own, int) and own > 0 else info.context_length or Model.context_length


def _sees(wish: Wish) -> bool:
    if wish.mmproj and not read_info(_absolute(wish.mmproj)).has_vision:
        raise ValueError(f"{wish.mmproj} is no vision projector.")
    if wish.vision and not wish.mmproj:
        raise ValueError("A model of llama.cpp sees by its projector: give that file with --mmproj.")
    return wish.mmproj is not None


def _abilities(info: GgufInfo, wish: Wish) -> dict[str, Any]:
    if info.pooling in POOLED:
        return _for_vectors(POOLED[info.pooling])
    read = abilities(info.chat_template)
    return read if wish.tools is None else read | {"tools": wish.tools}


def _for_vectors(family: str) -> dict[str, Any]:
    """What a model can do whose bodies are those of `family`, where these ask for embeddings or reranking."""
    mute = {"tools": False, "streaming": False, "system": False}
    if family in EMBEDDERS:
        return {**mute, "output_modalities": ("EMBEDDING",)}
    return {**mute, "reranks": True} if family in RERANKERS else {}


def abilities(template: str) -> dict[str, bool]:
    """What a chat template can put into words: `tools`, `reasoning`, `system`. Without one llama.cpp uses ChatML."""
    if not template:
        return {"tools": False, "reasoning": False, "system": True}
    refuses = re.search(r"raise_exception\([^)]*system", template, re.IGNORECASE)
    # A template that prints whatever role a message has knows system without naming it.
    prints = re.search(r"(\{\{|\+|~)[^{}%]*role\b", template)
    return {
        "tools": re.search(r"\btools\b", template) is not None,
        "reasoning": re.search(r"<think>|enable_thinking|reasoning_content|<\|channel\|>", template) is not None,
        "system": not refuses and bool(re.search(r"\bsystem\b", template) or prints),
    }


def _bring(path: Path, folder: Path, copy: bool) -> Path:
    """The GGUF file to serve: the one given, a copy of it, or one made of a folder's safetensors."""
    if path.is_dir():
        dtype = "f16" if is_encoder(path) else "q8_0"
        return convert(path, folder / f"{path.name}-{dtype.upper()}.gguf", dtype)
    if not path.is_file():
        raise ValueError(f"{path} is neither a file nor a folder.")
    return _copy(path, folder) if copy else path


def _copy(path: Path, folder: Path) -> Path:
    read_info(path)  # refuses before gigabytes are copied
    folder.mkdir(parents=True, exist_ok=True)
    first = re.sub(r"-00001-of-(\d{5})\.gguf$", r"-*-of-\1.gguf", path.name)
    for part in sorted(path.parent.glob(first)) if first != path.name else [path]:
        target = folder / part.name
        shutil.copyfile(part, target.with_name(f".{part.name}.part"))
        target.with_name(f".{part.name}.part").replace(target)
    return folder / path.name


async def _remote(url: str, wish: Wish) -> Model:
    """The Model of a server that somebody else runs; it is asked for what the user leaves open."""
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url} is not the address of a server.")
    base, kind = url.rstrip("/").removesuffix("/v1").rstrip("/"), wish.kind or "openai"
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; known: {', '.join(KINDS)}")
    served = await _probe(base, wish) if wish.served_name is None or wish.context is None else {}
    name = wish.served_name or served["id"]
    chosen = wish.id or default_id(parts.hostname.split(".")[0], name.rpartition("/")[2])
    traits: dict[str, Any] = {"tools": wish.tools is not False} | _for_vectors(wish.family or "anthropic")
    return Model(
        id=chosen,
        name=wish.name or name.rpartition("/")[2],
        provider=wish.provider or chosen.partition(".")[0],
        source=base,
        kind=kind,
        served_name=name,
        key=wish.key,
        context_length=wish.context or int(served.get("max_model_len") or 0) or 32_768,
        input_modalities=("TEXT", "IMAGE") if wish.vision else ("TEXT",),
        family=wish.family or "anthropic",
        **traits,
    )


async def _probe(base: str, wish: Wish) -> dict[str, Any]:
    """What the server says of the wanted model. ValueError, unless the user named the model: it may start later."""
    try:
        models = await _models_of(base, wish.key)
    except ValueError:
        if wish.served_name is None:
            raise
        return {}
    found = [model for model in models if wish.served_name in (None, model.get("id"))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(model.get("id")) for model in models) or "none"
    raise ValueError(f"{base} serves {names}; say which with --served-name.")


async def _models_of(base: str, key: str | None) -> list[dict[str, Any]]:
    try:
        async with Client(PROBE_S) as http:
            answer = await http.get(Endpoint(base, KINDS["openai"], key=key), "/v1/models")
        return [dict(model) for model in parse(answer)["data"]]
    except (ServiceError, ValueError, KeyError, TypeError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{base}/v1/models does not answer as an OpenAI-compatible server does: {reason}") from error


async def _refuse_taken(catalog: Catalog, model_id: str) -> None:
    if model_id in (await catalog.snapshot()).names():
        raise ConflictException(f"The id {model_id} is taken; give another with --id.")


async def _keep(catalog: Catalog, model: Model) -> Model:
    await catalog.add(model)
    return model
