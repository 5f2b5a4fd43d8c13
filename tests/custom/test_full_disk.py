"""A disk that is full while a model is brought, converted, copied or exported: said in words, and nothing is left."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from outcrop import jobs_cli
from outcrop.custom import importing, imports
from outcrop.store.objects import Objects
from tests.api.customs import add_custom
from tests.api.service import Api, served
from tests.custom.doomed import ROLE, upload
from tests.custom.test_kills import eventually, folders, parts

FULL = "The disk is full. Free some space and try again."
CONVERTER = """
import pathlib, sys
pathlib.Path(sys.argv[3]).with_name(".model.gguf.x.part").write_bytes(b"half")
sys.exit("[Errno 28] No space left on device")
"""


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path / "home") as api:
        yield api


def no_space(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere")


async def while_fetching(self: Any, url: str, path: Path) -> None:
    no_space()


def on_moving(source: Path, target: Path) -> None:
    no_space()


IMPORTS: dict[str, tuple[Any, str, Any]] = {
    "fetched": (Objects, "fetch", while_fetching),
    "converted": (importing, "CONVERT", (sys.executable, "-c", CONVERTER)),
    "moved": (importing, "_move", on_moving),
}


@pytest.mark.parametrize("place", IMPORTS)
async def test_an_import_fails_in_words(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    source = {"s3DataSource": {"s3Uri": await upload(api, tmp_path / "source")}}
    monkeypatch.setattr(*IMPORTS[place])
    await api("CreateModelImportJob", jobName="j1", importedModelName="mine", roleArn=ROLE, modelDataSource=source)
    await api("CreateCustomModel", modelName="mine", modelSourceConfig=source)
    job = await eventually(api, "GetModelImportJob", "status", jobIdentifier="j1")
    model = await eventually(api, "GetCustomModel", "modelStatus", modelIdentifier="mine")
    assert (job["status"], job["failureMessage"]) == ("Failed", FULL)
    assert (model["modelStatus"], model["failureMessage"]) == ("Failed", FULL)
    assert_empty(tmp_path / "home", [])


async def test_a_copy_fails_in_words(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = await add_custom(api, "source")
    monkeypatch.setattr(imports, "_linked", no_space)
    made = await api("CreateModelCopyJob", sourceModelArn=model, targetModelName="mine")
    job = await eventually(api, "GetModelCopyJob", "status", jobArn=made["jobArn"])
    assert (job["status"], job["failureMessage"]) == ("Failed", FULL)
    assert_empty(tmp_path / "home", [model.rpartition("/")[2]])


def assert_empty(home: Path, models: list[str]) -> None:
    assert (folders(home, "custom-model"), folders(home, "imported-model"), folders(home, "import")) == (models, [], [])
    assert parts(home) == []


def half(copy: Callable[..., Any]) -> Callable[..., Any]:
    """A copy that is made and then found too large."""
    return lambda source, target: (copy(source, target), no_space())


@pytest.mark.parametrize("form", ["safetensors", "gguf"])
async def test_an_export_fails_in_words(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    model = await add_custom(api, "source")
    folder = tmp_path / "home" / "custom-models" / model.rpartition("/")[2] / "adapter"
    await asyncio.to_thread(folder.mkdir)
    for name in ("copy", "copytree"):
        monkeypatch.setattr(shutil, name, half(getattr(shutil, name)))
    with pytest.raises(OSError, match=FULL):
        await jobs_cli.export(api.services.settings, api.services.resources, "source", tmp_path / "out" / "x", form)
    assert not [path for path in await asyncio.to_thread(lambda: [*(tmp_path / "out").rglob("*")]) if path.name != "x"]
