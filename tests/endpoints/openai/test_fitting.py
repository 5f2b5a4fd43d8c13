"""Responses whose conversation is longer than the model's context, with `truncation: auto`."""

from __future__ import annotations

from tests.endpoints.openai.conftest import House, refused


async def test_a_long_conversation_is_shortened_in_few_steps(house: House) -> None:
    told = {"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error"}}
    house.stub.refuse(400, told)
    turns = [{"role": role, "content": f"{role} {place}"} for place in range(300) for role in ("user", "assistant")]
    items = [{"role": "developer", "content": "Be kind."}, *turns[:-1]]
    refused(await house.respond(input=items, truncation="auto"), 400, code="context_length_exceeded")
    assert [message["content"] for message in house.stub.body["messages"]] == ["Be kind.", "user 299"]
    assert len(house.stub.bodies) < 50
