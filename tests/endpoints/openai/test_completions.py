from __future__ import annotations

import json
from typing import Any

from tests.endpoints.openai.conftest import House, events, refused
from tests.stub_engine import DONE, usage


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]}


async def ask(house: House, **body: Any) -> Any:
    house.stub.say(piece(" upon"), piece(" a"), piece("", "length"), usage(2, 2), DONE)
    return await house.post("/completions", **{"prompt": "Once", "max_tokens": 2, **body})


async def test_a_prompt_reaches_the_engine_as_it_stands(house: House) -> None:
    answer = (await ask(house, echo=True, temperature=0)).json()
    assert house.stub.body["prompt"] == "Once"
    assert "messages" not in house.stub.body
    assert answer["choices"] == [{"text": "Once upon a", "index": 0, "logprobs": None, "finish_reason": "length"}]
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}


async def test_several_prompts_with_several_answers_each(house: House) -> None:
    answer = (await ask(house, prompt=["a", [1, 2]], n=2)).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert sorted(json.dumps(body["prompt"]) for body in house.stub.bodies) == ['"a"', '"a"', "[1, 2]", "[1, 2]"]
    assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": 8, "total_tokens": 12}


async def test_a_stream(house: House) -> None:
    *chunks, last, done = events(await ask(house, stream=True, echo=True, stream_options={"include_usage": True}))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "Once upon a"
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert (last["usage"]["total_tokens"], done) == (4, "[DONE]")


async def test_what_cannot_be(house: House) -> None:
    refused(await ask(house, prompt=None), 400, param="prompt")
    refused(await ask(house, suffix="."), 400, "suffix", param="suffix")
    refused(await ask(house, prompt=["a"] * 100, n=2), 400, "more than 128", param="prompt")
    refused(await ask(house, model="none"), 404, code="model_not_found")
    assert house.stub.bodies == []
