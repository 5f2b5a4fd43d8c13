"""A call whose arguments were cut off: a whole answer tells what a streamed one tells."""

from __future__ import annotations

import pytest

from tests.endpoints.openai.conftest import House, events
from tests.stub_engine import DONE, call, finish, text, usage

TOOL = {"type": "function", "function": {"name": "w", "parameters": {"type": "object", "properties": {"city": {}}}}}


@pytest.mark.parametrize("count", [1, 2])
async def test_it_is_a_call_with_the_beginning_of_its_arguments(house: House, count: int) -> None:
    house.stub.say(
        text("I look."), call(0, "w", ""), call(0, None, '{"city":"Par'), finish("length"), usage(7, 9), DONE
    )
    whole = (await house.chat(tools=[TOOL], n=count)).json()["choices"]
    assert len(whole) == count
    for choice in whole:
        [made] = choice["message"]["tool_calls"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("I look.", "length")
        assert made["function"] == {"name": "w", "arguments": '{"city":"Par'}
    told = [event for event in events(await house.chat(tools=[TOOL], stream=True)) if event != "[DONE]"]
    pieces = [piece for event in told for piece in event["choices"][0]["delta"].get("tool_calls", [])]
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"city":"Par'
    assert pieces[0]["function"]["name"] == "w"
