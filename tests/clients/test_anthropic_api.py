"""The anthropic SDK on Anthropic's own door, unmodified: what goes beyond the stages that every client runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import Live

anthropic = pytest.importorskip("anthropic", reason="make test-clients installs the anthropic SDK")
pytestmark = pytest.mark.clients

MODEL = "outcrop.pebble-v1"
HELLO = [{"role": "user", "content": "Hello, my name is Ada."}]
GREEDY: dict[str, Any] = {"extra_body": {"temperature": 0}}  # newer SDKs have no parameter of that name
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def key(server: Live) -> str:
    made = server.cli("keys", "create", "anthropic-api", "--api-key")
    return next(word for word in made.stdout.split() if word.startswith("ABSK"))


@pytest.fixture
def client(server: Live, key: str) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=f"{server.url}/anthropic", api_key=key, max_retries=0) as made:
        yield made


def test_a_wrong_key_a_missing_model_and_a_bad_body_are_its_own_errors(server: Live, client: Any) -> None:
    stranger = anthropic.Anthropic(base_url=f"{server.url}/anthropic", api_key="nobody's", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError, match="API Key"):
        stranger.models.list()
    with pytest.raises(anthropic.NotFoundError, match=r"model: no\.such-model") as missing:
        client.messages.create(model="no.such-model", max_tokens=5, messages=HELLO)
    assert missing.value.request_id
    with pytest.raises(anthropic.BadRequestError, match="nonsense: Extra inputs are not permitted"):
        client.messages.create(model=MODEL, max_tokens=5, messages=HELLO, extra_body={"nonsense": 1})
    with pytest.raises(anthropic.InternalServerError, match="message batches") as raised:
        client.messages.batches.list()
    assert raised.value.status_code == 501


def test_counting_agrees_with_usage(client: Any) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens
    assert counted == client.messages.create(model=MODEL, max_tokens=5, messages=HELLO).usage.input_tokens > 0


def test_models_are_listed_page_by_page_and_told_one_by_one(client: Any) -> None:
    listed = [model.id for model in client.models.list(limit=1)]
    assert MODEL in listed
    assert len(listed) == len(set(listed))
    model = client.models.retrieve(MODEL)
    assert (model.id, model.type, model.display_name) == (MODEL, "model", "Pebble v1")


def test_a_stream_is_folded_into_the_very_same_message(client: Any) -> None:
    asked = {"model": MODEL, "max_tokens": 100, "messages": HELLO, **GREEDY}
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        events = [event.type for event in stream]
        folded = stream.get_final_message()
    assert events[0] == "message_start" and events[-1] == "message_stop"
    assert events.count("text") > 3
    assert [block.text for block in folded.content] == [block.text for block in whole.content]
    assert (folded.stop_reason, folded.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)


def test_an_answer_keeps_to_a_schema(client: Any) -> None:
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    asked = [{"role": "user", "content": "The weather of Lisbon, please."}]
    answer = client.messages.create(model=MODEL, max_tokens=100, messages=asked, output_config=form, **GREEDY)
    assert isinstance(json.loads(answer.content[-1].text)["city"], str)


async def test_the_asynchronous_client_streams(server: Live, key: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=f"{server.url}/anthropic", api_key=key) as client:
        async with client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO, **GREEDY) as stream:
            said = "".join([text async for text in stream.text_stream])
        assert "Ada" in said


@pytest.mark.parametrize("by", ["key pair", "API key"])
def test_mantle_signs_or_brings_a_key(server: Live, key: str, by: str) -> None:
    pair = {
        "aws_access_key": server.env["AWS_ACCESS_KEY_ID"],
        "aws_secret_key": server.env["AWS_SECRET_ACCESS_KEY"],
    }
    credentials: dict[str, str] = pair if by == "key pair" else {"api_key": key}
    mantle = anthropic.AnthropicBedrockMantle(
        base_url=f"{server.url}/anthropic", aws_region="us-east-1", max_retries=0, **credentials
    )
    answer = mantle.messages.create(model=MODEL, max_tokens=50, messages=HELLO, **GREEDY)
    assert "Ada" in answer.content[0].text
    assert mantle.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens == answer.usage.input_tokens
