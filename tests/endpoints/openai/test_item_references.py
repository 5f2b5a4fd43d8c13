"""Items of stored responses that another request refers to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.endpoints.openai.conftest import House, refused

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "42"}


def reference(id: Any) -> dict[str, Any]:
    return {"type": "item_reference", "id": id}


async def listed(house: House, id: str) -> list[str]:
    items = (await house.get(f"/responses/{id}/input_items?order=asc")).json()["data"]
    return [item["id"] for item in items]


async def test_items_of_the_input_and_of_the_output(house: House) -> None:
    answer = (await house.respond(input=[{"role": "user", "content": "The sky is green."}, CALL, RESULT])).json()
    asked = [*await listed(house, answer["id"]), answer["output"][0]["id"]]
    assert [id.partition("_")[0] for id in asked] == ["msg", "fc", "fco", "msg"]
    more = await house.respond(input=[*map(reference, asked), {"role": "user", "content": "b"}])
    assert more.status == 200, more.body
    said = house.stub.body["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "assistant", "user"]
    assert said[0]["content"] == "The sky is green." and said[3]["content"] == "Hello"


@pytest.mark.parametrize("id", [None, 7, "", "msg_1", f"msg_{'0' * 32}i0000", f"msg_{'0' * 32}0000"])
async def test_what_names_nothing(house: House, id: Any) -> None:
    refused(await house.respond(input=[reference(id)]), 404, "not found")


async def test_a_large_item_named_again_and_again(house: House) -> None:
    [id] = await listed(house, (await house.respond(input="a " * 200_000)).json()["id"])
    house.services.settings = replace(house.settings, max_body_mib=1)
    assert (await house.respond(input=[reference(id)] * 2)).status == 200
    refused(await house.respond(input=[reference(id)] * 3), 400, "referred to are larger", param="input")
