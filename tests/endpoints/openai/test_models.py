from __future__ import annotations

from dataclasses import replace

from outcrop.catalog import Snapshot
from tests.endpoints.openai.conftest import MODEL, House, refused


async def test_every_name_is_listed(house: House) -> None:
    answer = (await house.get("/models")).json()
    assert answer["object"] == "list"
    assert [model["id"] for model in answer["data"]] == [MODEL.id, "gpt-test"]
    assert answer["data"][0] == {"id": MODEL.id, "object": "model", "created": 0, "owned_by": "test"}


async def test_one_by_any_of_its_names(house: House) -> None:
    arn = f"arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2F{MODEL.id}"
    for name in (MODEL.id, "gpt-test", f"us.{MODEL.id}", arn):
        answer = await house.get(f"/models/{name}")
        assert (answer.status, answer.json()["owned_by"]) == (200, "test")
    refused(await house.get("/models/gpt-9"), 404, "gpt-9", code="model_not_found")


async def test_since_when(house: House, tmp_path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    since = int((tmp_path / "m.gguf").stat().st_mtime)
    house.services.catalog.one = Snapshot({MODEL.id: replace(MODEL, source=str(tmp_path / "m.gguf"))}, {})
    assert (await house.get(f"/models/{MODEL.id}")).json()["created"] == since
    house.services.catalog.one = Snapshot({MODEL.id: replace(MODEL, source="http://127.0.0.1:1")}, {})
    assert (await house.get(f"/models/{MODEL.id}")).json()["created"] == 0
