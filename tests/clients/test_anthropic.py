"""anthropic's AnthropicBedrock, unmodified."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import MODEL, WEATHER
from tests.live import Live

anthropic = pytest.importorskip("anthropic", reason="make test-clients installs the anthropic SDK")

TOOLS = [{"name": WEATHER["name"], "description": WEATHER["description"], "input_schema": WEATHER["schema"]}]

GREEDY: dict[str, Any] = {"extra_body": {"temperature": 0}}  # newer SDKs have no parameter of that name


@pytest.fixture
def client(server: Live) -> Any:
    return anthropic.AnthropicBedrock(
        aws_access_key=server.env["AWS_ACCESS_KEY_ID"],
        aws_secret_key=server.env["AWS_SECRET_ACCESS_KEY"],
        aws_region=server.env["AWS_REGION"],
        base_url=server.url,
    )


def test_a_streamed_conversation(client: Any) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Hello, my name is Ada."}]
    with client.messages.stream(model=MODEL, max_tokens=200, messages=messages, **GREEDY) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 1
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": "What is my name?"}]
    reply = client.messages.create(model=MODEL, max_tokens=200, messages=messages, **GREEDY)
    assert "Ada" in "".join(block.text for block in reply.content if block.type == "text")


def test_a_streamed_tool_call_and_its_result(client: Any) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    settings = {"model": MODEL, "max_tokens": 200, "tools": TOOLS, **GREEDY}
    with client.messages.stream(messages=messages, tool_choice={"type": "any"}, **settings) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "tool_use"
    call = next(block for block in message.content if block.type == "tool_use")
    assert call.name == "get_weather"
    assert "city" in call.input
    result = {"type": "tool_result", "tool_use_id": call.id, "content": '{"temperature_c": 21}'}
    messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    reply = client.messages.create(messages=messages, **settings)
    assert "21" in "".join(block.text for block in reply.content if block.type == "text")


def test_a_bad_body_is_a_bad_request(client: Any) -> None:
    with pytest.raises(anthropic.BadRequestError, match="nonsense"):
        messages = [{"role": "user", "content": "a"}]
        client.messages.create(model=MODEL, max_tokens=5, messages=messages, extra_body={"nonsense": 1})
