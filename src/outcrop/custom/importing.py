"""Weights of a caller's own, brought from object storage and made into a model that engines take.

Knows nothing of the API's shapes. Nothing in the folder is executed or unpickled: safetensors and JSON only. Files
come whole or not at all, and what a kill interrupts goes on where it was: files that are here are not fetched again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from ..adding import Wish, describe
from ..catalog import Model
from ..errors import ServiceError
from ..store.objects import ObjectInfo, Objects, parse

SIZE_LIMIT = 200 * 10**9
"""Bytes of all files together: Bedrock's limit for text models."""
TAKEN = frozenset({".safetensors", ".json", ".model", ".txt", ".jinja"})
"""Endings of the files that are fetched: weights, configuration, tokenizer, chat template."""
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
TOKENIZERS = frozenset({"tokenizer.json", "tokenizer.model"})
OWN = ("id", "name", "provider", "source", "base", "adapter", "key", "package", "region")
"""Fields of a Model that its record does not keep: its names, and where it lies today."""


CONVERT = (sys.executable, "-m", "outcrop.convert")


class ImportFailed(Exception):
    """The folder cannot be imported; the message is for the person whose it is."""


class Importer:
    """Brings one folder at a time into its place; any number may run at once."""

    def __init__(self, objects: Objects, scratch: Path) -> None:
        self._objects, self._scratch = objects, scratch

    async def bring(self, url: str, id: str, place: Path) -> Model:
        """The folder at `url` as hf/ and model.gguf in `place`, which appears whole or not at all; the model it is.

        Raises ImportFailed for a folder that is no model, ServiceError where the store fails, OSError for a full disk.
        """
        if not await asyncio.to_thread(place.exists):
            files = await self._listed(url)
            scratch = self._scratch / id
            await asyncio.to_thread(_remove_parts, scratch)
            await self._fetch(files, scratch / "hf")
            await _convert(scratch / "hf", scratch / "model.gguf")
            await asyncio.to_thread(_described, scratch)
            _move(scratch, place)  # not in a thread, which would go on when this is cancelled
        return await asyncio.to_thread(_described, place)

    async def forget(self, id: str) -> None:
        """Remove what an import left that failed or was given up."""
        await asyncio.to_thread(shutil.rmtree, self._scratch / id, ignore_errors=True)

    def underway(self) -> list[str]:
        """The ids of all imports of which something was brought and is not in its place."""
        return [path.name for path in self._scratch.iterdir()] if self._scratch.exists() else []

    async def _listed(self, url: str) -> list[ObjectInfo]:
        """The files of a model folder, of which all that can be checked before they are fetched is right."""
        folder = f"{url.rstrip('/')}/"
        every = [info for info in await self._objects.list(folder) if "/" not in info.url.removeprefix(folder)]
        return check(every)

    async def _fetch(self, files: Sequence[ObjectInfo], folder: Path) -> None:
        missing = await asyncio.to_thread(_missing, files, folder)
        for info, path in missing:
            await self._objects.fetch(info.url, path)


def _remove_parts(scratch: Path) -> None:
    """A converter that was killed leaves what it wrote under a name of its own."""
    for part in scratch.glob(".*.part"):
        part.unlink()


def _missing(files: Sequence[ObjectInfo], folder: Path) -> list[tuple[ObjectInfo, Path]]:
    """What is still to be fetched into the folder, and under which names."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    places = [(info, folder / PurePosixPath(parse(info.url).key).name) for info in files]
    return [(info, path) for info, path in places if not path.exists() or path.stat().st_size != info.size]


def _move(scratch: Path, place: Path) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.replace(scratch, place)


def check(files: Sequence[ObjectInfo]) -> list[ObjectInfo]:
    """The files to fetch of those in the folder. ImportFailed says what is missing, forbidden or too much."""
    names = {PurePosixPath(info.url).name: info for info in files}
    if pickles := sorted(name for name in names if PurePosixPath(name).suffix in PICKLES):
        raise ImportFailed(f"{pickles[0]}: only safetensors are taken; a pickle can run any code when it is read.")
    taken = [info for name, info in names.items() if PurePosixPath(name).suffix in TAKEN]
    if "config.json" not in names:
        raise ImportFailed("There is no config.json in the folder.")
    if not any(name.endswith(".safetensors") for name in names):
        raise ImportFailed("There are no weights in the folder: no file ends in .safetensors.")
    if not TOKENIZERS & names.keys():
        raise ImportFailed(f"There is no tokenizer in the folder: {' or '.join(sorted(TOKENIZERS))}.")
    if (size := sum(info.size for info in taken)) > SIZE_LIMIT:
        raise ImportFailed(f"The folder holds {size:,} bytes; at most {SIZE_LIMIT:,} are taken.")
    return taken


async def _convert(folder: Path, out: Path) -> None:
    """In a process of its own, which ends with this one: minutes of work, and untrusted input."""
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    command = (*CONVERT, "--tied", str(folder), str(out))
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=nowhere, stderr=pipe)
    assert child.stderr
    try:
        said = await child.stderr.read()  # not communicate(), which would close stdin
        await child.wait()
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if child.returncode:
        words = said.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"status {child.returncode}"
        raise ImportFailed(f"The model cannot be converted: {words}".replace(f"{folder}/", "").replace(str(folder), ""))


def _described(place: Path) -> Model:
    try:
        return describe(place / "model.gguf", Wish(id="imported.model"))
    except ValueError as error:
        raise ImportFailed(str(error)) from error


def serving(model: Model) -> dict[str, Any]:
    """What a record keeps of an imported model, for `custom.serving` to serve it by."""
    return {name: value for name, value in asdict(model).items() if name not in OWN}


FAILURES = (ImportFailed, ServiceError, OSError)
"""What ends an import with words for its caller."""
