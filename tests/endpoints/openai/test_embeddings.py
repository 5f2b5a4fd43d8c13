from __future__ import annotations

import base64
from array import array
from typing import Any

import pytest

from outcrop.engines.vectors import Embedded
from tests.endpoints.openai.conftest import MODEL, House, refused


class Vectors:
    """Stands for inference.embed: the vectors of texts, by their place."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def __call__(self, call: Any, model: str, texts: Any) -> Embedded:
        self.asked.append((model, list(texts)))
        return Embedded([array("f", [0.6, 0.8, 0.0]) for _ in texts], 7)


@pytest.fixture
def vectors(house: House, monkeypatch: pytest.MonkeyPatch) -> Vectors:
    made = Vectors()
    monkeypatch.setattr(house.inference, "embed", made)
    return made


async def test_a_text(house: House, vectors: Vectors) -> None:
    answer = (await house.post("/embeddings", input="The food was delicious.")).json()
    assert answer == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": pytest.approx([0.6, 0.8, 0.0])}],
        "model": MODEL.id,
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    assert vectors.asked == [(MODEL.id, ["The food was delicious."])]


async def test_many_texts_shortened_in_base64(house: House, vectors: Vectors) -> None:
    answer = (await house.post("/embeddings", input=["a", "b"], encoding_format="base64", dimensions=1)).json()
    assert [item["index"] for item in answer["data"]] == [0, 1]
    assert array("f", base64.b64decode(answer["data"][1]["embedding"])).tolist() == [1.0]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": "2"}, "dimensions"),
        ({"input": "a", "texts": 1}, "texts"),
    ],
)
async def test_what_cannot_be(house: House, vectors: Vectors, body: dict[str, Any], param: str) -> None:
    refused(await house.post("/embeddings", **body), 400, param=param)
    assert vectors.asked == []


async def test_more_dimensions_than_there_are(house: House, vectors: Vectors) -> None:
    refused(await house.post("/embeddings", input="a", dimensions=9), 400, "3 dimensions")
