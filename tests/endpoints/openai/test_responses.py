from __future__ import annotations

import asyncio
import json

import pytest

from tests.endpoints.openai.conftest import House, events, refused
from tests.stub_engine import DONE, DROP, HANG, call, finish, text, usage

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


async def test_an_answer_is_kept(house: House) -> None:
    answer = (await house.respond(instructions="Be brief.", metadata={"a": "b"})).json()
    assert (answer["status"], answer["output"][0]["content"][0]["text"]) == ("completed", "Hello")
    assert house.stub.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (await house.get(f"/responses/{answer['id']}")).json() == answer


async def test_one_that_is_not_to_be_kept_is_not(house: House) -> None:
    for stream in (False, True):
        answer = await house.respond(store=False, stream=stream)
        id = events(answer)[-1]["response"]["id"] if stream else answer.json()["id"]
        refused(await house.get(f"/responses/{id}"), 404, "not found")


async def test_a_stream_is_kept_when_its_last_event_comes(house: House) -> None:
    answer = await house.respond(stream=True)
    assert answer.body.startswith(b"event: response.created\ndata: {")
    told = events(answer)
    assert told[-1]["type"] == "response.completed"
    kept = (await house.get(f"/responses/{told[-1]['response']['id']}")).json()
    assert kept == told[-1]["response"]


async def test_a_conversation_goes_on_from_what_is_kept(house: House) -> None:
    house.stub.say(call(0, "f", '{"a":1}'), finish("tool_calls"), usage(7, 2), DONE)
    first = (await house.respond(tools=[TOOL], instructions="Once.")).json()
    house.stub.say(text("It is 21."), finish(), usage(7, 2), DONE)
    output = [{"type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "21"}]
    second = (await house.respond(tools=[TOOL], input=output, previous_response_id=first["id"])).json()
    await house.respond(input="Thanks", previous_response_id=second["id"], stream=True)
    roles = [message["role"] for message in house.stub.body["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"], "instructions are not handed on"
    assert house.stub.body["messages"][1]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert house.stub.body["messages"][3]["content"] == "It is 21."


async def test_an_item_by_its_reference(house: House) -> None:
    first = (await house.respond()).json()
    said = {"type": "item_reference", "id": first["output"][0]["id"]}
    items = [{"role": "user", "content": "hi"}, said, {"role": "user", "content": "and?"}]
    assert (await house.respond(input=items)).status == 200
    assert [message["content"] for message in house.stub.body["messages"]] == ["hi", "Hello", "and?"]
    for id in ("msg_nothing", "msg_" + "0" * 36, 7):
        refused(await house.respond(input=[{"type": "item_reference", "id": id}]), 404, "not found")


async def test_previous_responses_that_cannot_be(house: House) -> None:
    for id in ("resp_nothing", 7, ["a"]):
        refused(
            await house.respond(previous_response_id=id),
            400,
            "not found",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    house.stub.say(text("a"), HANG)
    running = (await house.respond(background=True)).json()["id"]
    refused(await house.respond(previous_response_id=running), 400, "not complete", param="previous_response_id")
    await house.post(f"/responses/{running}/cancel")


async def test_input_items_in_pages(house: House) -> None:
    items = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "c"}]},
    ]
    id = (await house.respond(input=items)).json()["id"]
    newest = (await house.get(f"/responses/{id}/input_items?limit=2")).json()
    assert [item["content"][0]["text"] for item in newest["data"]] == ["c", "b"]
    assert newest["data"][1]["content"][0]["type"] == "output_text"
    assert newest["has_more"]
    rest = (await house.get(f"/responses/{id}/input_items?limit=2&after={newest['last_id']}")).json()
    assert ([item["content"][0]["text"] for item in rest["data"]], rest["has_more"]) == (["a"], False)
    refused(await house.get(f"/responses/{id}/input_items?limit=1000"), 400, "from 1 to 100", param="limit")
    refused(await house.get("/responses/resp_none/input_items"), 404, "not found")


async def test_a_deleted_one_is_gone(house: House) -> None:
    id = (await house.respond()).json()["id"]
    answer = await house.delete(f"/responses/{id}")
    assert answer.json() == {"id": id, "object": "response", "deleted": True}
    refused(await house.delete(f"/responses/{id}"), 404, "not found")
    refused(await house.respond(previous_response_id=id), 400, "not found")


async def test_the_oldest_turns_go_where_the_context_is_too_short(house: House) -> None:
    told = {"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error"}}
    house.stub.refuse(400, told)
    items = [
        {"role": "developer", "content": "Be kind."},
        *({"role": role, "content": role} for role in ("user", "assistant", "user")),
    ]
    refused(await house.respond(input=items), 400, code="context_length_exceeded")
    assert len(house.stub.bodies) == 1
    refused(await house.respond(input=items, truncation="auto"), 400, code="context_length_exceeded")
    assert [message["content"] for message in house.stub.body["messages"]] == ["Be kind.", "user"]
    assert len(house.stub.bodies) == 3


async def test_an_engine_that_dies_in_mid_stream(house: House) -> None:
    house.stub.say(text("Hel"), DROP)
    told = events(await house.respond(stream=True))
    assert told[-1]["type"] == "response.failed"
    kept = (await house.get(f"/responses/{told[-1]['response']['id']}")).json()
    assert (kept["status"], kept["error"]["code"]) == ("failed", "server_error")
    refused(await house.respond(), 500, type="server_error")
    house.stub.say(DROP)
    refused(await house.respond(stream=True), 500, type="server_error")


async def test_a_client_that_hangs_up_stops_the_engine(house: House) -> None:
    house.stub.say(text("Hel"), HANG)
    hang_up = asyncio.Event()
    task = asyncio.create_task(house.post("/responses", hang_up=hang_up, input="hi", stream=True))
    await asyncio.wait_for(house.stub.asked.wait(), 20)
    hang_up.set()
    await asyncio.wait_for(task, 20)
    await asyncio.wait_for(house.stub.gone.wait(), 20)


async def test_how_many_tokens_an_input_has(house: House) -> None:
    answer = (await house.post("/responses/input_tokens", input="hi")).json()
    assert answer == {"object": "response.input_tokens", "input_tokens": len("<user>hi")}


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"input": None}, "input", "expected a string or a list"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]", "web_search"),
        ({"background": True, "store": False}, "background", "store"),
        ({"conversation": "c"}, "conversation", "previous_response_id"),
        ({"foo": 1}, "foo", "Unrecognized request argument supplied: foo"),
    ],
)
async def test_what_cannot_be(house: House, body: dict, param: str, says: str) -> None:
    refused(await house.respond(**body), 400, says, param=param)
    assert house.stub.bodies == []


async def test_the_same_error_for_an_unknown_model(house: House) -> None:
    refused(await house.respond(model="gpt-9"), 404, "gpt-9", code="model_not_found")


async def test_what_is_kept_is_json(house: House) -> None:
    id = (await house.respond(input=[{"role": "user", "content": "é"}])).json()["id"]
    kept = await house.resources.get("openai.response", id)
    assert json.loads(json.dumps(kept.body)) == kept.body
