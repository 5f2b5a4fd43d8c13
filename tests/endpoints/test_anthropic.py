"""Anthropic's door in process, a stub for the engine: what goes wrong first, then goldens by hand from its docs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop import errors
from outcrop.call import Call, Identity
from outcrop.catalog import UNKNOWN, Model
from outcrop.endpoints import anthropic
from outcrop.endpoints.anthropic import ROUTES, anthropic_door
from outcrop.wire.errors import RequestEntityTooLargeException, RequestTimeoutException, SerializationException
from outcrop.wire.sigv4 import SignedRequest
from tests.api.runtime import MODEL, Runtime, runtime_on
from tests.stub_engine import DONE, DROP, HANG, call, delta, finish, progress, text, usage
from tests.wire.asgi import Answer, Client

HELLO: dict[str, Any] = {"model": MODEL.id, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
OTHER = replace(MODEL, id="test.other-v1", name="Other", context_length=99)
EMBEDDER = replace(MODEL, id="test.vectors-v1", output_modalities=("EMBEDDING",))
TOOL = {"name": "w", "description": "d", "input_schema": {"type": "object", "properties": {"city": {}}}}


class Catalog:
    """Three models and an alias, one of the models no chat model."""

    def __init__(self) -> None:
        self.models = {model.id: model for model in (MODEL, OTHER, EMBEDDER)}

    async def resolve(self, name: str) -> Model:
        model = self.models.get((await self.aliases()).get(name, name))
        if model is None:
            raise errors.ValidationException(UNKNOWN)
        return model

    async def list(self) -> list[Model]:
        return [*self.models.values()]

    async def aliases(self) -> dict[str, str]:
        return {"anthropic.claude-x": OTHER.id, "amazon.titan-embed-x": EMBEDDER.id}


async def someone(request: SignedRequest) -> Identity:
    if request.headers.get("x-api-key") == "bad":
        raise errors.UnknownApiKeyException
    return Identity("me")


class Door:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        runtime.inference.catalog = catalog = Catalog()  # type: ignore[assignment]
        services: Any = SimpleNamespace(
            settings=runtime.settings,
            telemetry=runtime.telemetry,
            catalog=catalog,
            inference=runtime.inference,
            invocation_log=runtime.log,
        )
        self.client = Client(anthropic_door(services, someone))

    async def send(self, method: str, path: str, body: bytes = b"", **more: Any) -> Answer:
        return await self.client(method, f"/anthropic/v1{path}", body, **more)

    async def ask(self, path: str = "/messages", hang_up: Any = None, **changes: Any) -> Answer:
        body = {key: value for key, value in (HELLO | changes).items() if value is not ...}
        return await self.send("POST", path, json.dumps(body).encode(), hang_up=hang_up)


@pytest.fixture
async def door(stub, tmp_path) -> AsyncIterator[Door]:
    async with runtime_on(stub.endpoint, tmp_path) as runtime:
        yield Door(runtime)


def events(answer: Answer) -> list[dict[str, Any]]:
    """The events of a stream; each frame is an event line that agrees with its data, and a blank line."""
    found = []
    for frame in answer.body.decode().removesuffix("\n\n").split("\n\n"):
        named, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert named == f"event: {found[-1]['type']}"
    return found


def failed(answer: Answer) -> tuple[int, str, str]:
    """Status, type and message of an error, in the one shape that errors have."""
    body = answer.json()
    assert body.keys() == {"type", "error", "request_id"} and body["type"] == "error"
    assert body["request_id"] == answer.headers["request-id"]
    assert body["error"].keys() == {"type", "message"}
    return answer.status, body["error"]["type"], body["error"]["message"]


# when things go wrong --------------------------------------------------------------------------------------------


async def test_a_client_that_hangs_up_stops_the_engine(door, stub):
    stub.say(text("Hel"), HANG)
    hang_up, answer = asyncio.Event(), Answer()
    body = json.dumps({**HELLO, "stream": True}).encode()
    task = asyncio.create_task(door.send("POST", "/messages", body, hang_up=hang_up, answer=answer))
    await asyncio.wait_for(stub.asked.wait(), 20)
    hang_up.set()
    await asyncio.wait_for(task, 20)
    await asyncio.wait_for(stub.gone.wait(), 20)
    assert door.runtime.telemetry.finished[-1][1] == 499


async def test_an_engine_killed_in_mid_stream_ends_with_an_error_event_and_the_next_request_works(door, stub):
    stub.say(text("Hel"), 0.05, DROP)
    answer = await door.ask(stream=True)
    *_, last = events(answer)
    assert (answer.status, last["type"], last["error"]["type"]) == (200, "error", "api_error")
    assert last["request_id"] == answer.headers["request-id"]
    assert answer.complete
    stub.say(text("Hello"), finish(), usage(7, 2), DONE)
    assert (await door.ask()).json()["content"] == [{"type": "text", "text": "Hello"}]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_engine_that_fails_at_once_is_an_http_error(door, stub, stream):
    stub.refuse(500, {"error": {"message": "out of luck"}})
    status, kind, message = failed(await door.ask(stream=stream))
    assert (status, kind, "out of luck" in message) == (500, "api_error", True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ...}, "model: Field required"),
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"messages": ...}, "messages: Field required"),
        ({"messages": [{"role": "user"}]}, "content: Field required"),
        ({"wings": 2}, "wings: Extra inputs are not permitted"),
        ({"anthropic_version": "bedrock-2023-05-31"}, "anthropic_version: Extra inputs are not permitted"),
        ({"model": 7}, "model: Input should be a valid string"),
        ({"stream": "yes"}, "stream: Input should be a valid boolean"),
        ({"max_tokens": "x"}, "STRING_VALUE can not be converted to an Integer at 'max_tokens'"),
        ({"temperature": 3}, "1 validation error detected: Value '3.0' at 'temperature' failed to satisfy constraint"),
        ({"container": "c"}, "container: Outcrop runs no code in containers."),
        ({"thread": {"type": "create"}}, "thread: Outcrop holds no conversations"),
        ({"mcp_servers": []}, "mcp_servers: Outcrop does not connect to MCP servers"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "tool type [web_search_20250305] is not"),
        ({"messages": []}, "A conversation must start with a user message."),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_body_that_cannot_be_is_refused_in_the_apis_own_words(door, stub, changes, message, stream):
    status, kind, told = failed(await door.ask(**{"stream": stream, **changes}))
    assert (status, kind) == (400, "invalid_request_error")
    assert told.startswith(message), told
    assert stub.bodies == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"messages":' + b"[" * 99 + b"]" * 99 + b"}"])
async def test_a_body_that_is_no_json_object_is_refused(door, body):
    assert failed(await door.send("POST", "/messages", body))[:2] == (400, "invalid_request_error")


@pytest.mark.parametrize("path", ["/messages", "/messages/count_tokens"])
async def test_a_model_that_is_not_there_is_not_found(door, path):
    assert failed(await door.ask(path, model="no.such")) == (404, "not_found_error", "model: no.such")


async def test_who_is_not_known_is_not_authenticated(door):
    answer = await door.send("GET", "/models", headers={"x-api-key": "bad"})
    assert failed(answer) == (401, "authentication_error", errors.UnknownApiKeyException().message)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/messages/batches"), ("GET", "/messages/batches/b1/results"), ("GET", "/messages/batches")],
)
async def test_batches_are_not_built_and_say_so(door, method, path):
    answer = await door.send(method, path, b"{}")
    assert failed(answer) == (501, "api_error", "Outcrop does not implement message batches yet.")
    assert answer.headers["x-should-retry"] == "false"


async def test_a_path_that_is_none_is_not_found(door):
    assert failed(await door.send("POST", "/complete", b"{}"))[:2] == (404, "not_found_error")


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.ValidationException("x"), 400, "invalid_request_error"),
        (SerializationException("x"), 400, "invalid_request_error"),
        (RequestEntityTooLargeException("x"), 413, "request_too_large"),
        (RequestTimeoutException("x"), 408, "invalid_request_error"),
        (errors.MissingAuthenticationTokenException("x"), 401, "authentication_error"),
        (errors.InvalidSignatureException("x"), 401, "authentication_error"),
        (errors.ExpiredTokenException("x"), 401, "authentication_error"),
        (errors.AccessDeniedException("x"), 403, "permission_error"),
        (errors.ResourceNotFoundException("x"), 404, "not_found_error"),
        (errors.ThrottlingException("x"), 429, "rate_limit_error"),
        (errors.ModelNotReadyException("x"), 529, "overloaded_error"),
        (errors.ServiceUnavailableException("x"), 529, "overloaded_error"),
        (errors.ModelTimeoutException("x"), 504, "timeout_error"),
        (errors.ModelErrorException("x"), 500, "api_error"),
        (errors.InternalServerException("x"), 500, "api_error"),
    ],
)
def test_each_kind_of_error_has_its_status_and_type(error, status, kind):
    request = Call("CreateMessage", "", "r1", None)  # type: ignore[arg-type]
    body = {"type": "error", "error": {"type": kind, "message": "x"}, "request_id": "r1"}
    assert anthropic.MANNER.error(error, request) == (status, body)
    assert (
        anthropic.MANNER.fail(error, request)
        == b"event: error\ndata: %s\n\n" % json.dumps(body, separators=(",", ":")).encode()
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "role", "content", "source", "name", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
KEYS = (
    "model max_tokens messages system tools tool_choice thinking stop_sequences temperature top_k output_config "
    "cache_control metadata stream mcp_servers x"
)
SOME_KEY = st.sampled_from(KEYS.split())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(SOME_KEY, JSON, max_size=4), st.sampled_from(["/messages", "/messages/count_tokens"]))
async def test_any_body_is_answered_or_refused_by_the_door_itself(door, changes, path):
    answer = await door.ask(path, **changes)
    if answer.status != 200:
        status, kind, _ = failed(answer)
        assert (status, kind) in [(400, "invalid_request_error"), (404, "not_found_error")], answer.body


# when things go right --------------------------------------------------------------------------------------------


async def test_a_whole_answer(door, stub):
    answer = await door.ask(top_k=3, metadata={"user_id": "u"}, service_tier="auto", container=None)
    body = answer.json()
    assert body.pop("id").startswith("msg_")
    assert body == {
        "type": "message",
        "role": "assistant",
        "model": MODEL.id,
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 7,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 2,
        },
    }
    assert (stub.body["top_k"], stub.body["max_tokens"]) == (3, 9)
    assert answer.headers["request-id"]


async def test_a_stream(door):
    answer = await door.ask(stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    start, *rest = events(answer)
    assert start["message"]["usage"]["input_tokens"] == 7
    assert rest == [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 7,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 2,
            },
        },
        {"type": "message_stop"},
    ]


async def test_a_tool_call_and_a_single_ping(door, stub):
    stub.say(
        text("I look."), call(0, "w", '{"city": '), call(0, None, '"Ulm"}'), finish("tool_calls"), usage(7, 2), DONE
    )
    seen = events(await door.ask(stream=True, tools=[TOOL], tool_choice={"type": "auto"}))
    assert [event["type"] for event in seen].count("ping") == 1
    block = next(e["content_block"] for e in seen if e.get("content_block", {}).get("type") == "tool_use")
    assert (block["name"], block["input"]) == ("w", {})
    said = "".join(event["delta"].get("partial_json", "") for event in seen if event["type"] == "content_block_delta")
    assert json.loads(said) == {"city": "Ulm"}
    assert seen[-2]["delta"]["stop_reason"] == "tool_use"


async def test_a_call_that_was_cut_off_is_a_call_in_whole_answers_too(door, stub):
    stub.say(progress(7), call(0, "w", ""), call(0, None, '{"city":"Par'), finish("length"), usage(7, 9), DONE)
    answer = (await door.ask(tools=[TOOL])).json()
    [made] = answer["content"]
    assert ({**made, "id": ""}, answer["stop_reason"]) == (
        {"type": "tool_use", "id": "", "name": "w", "input": {}},
        "max_tokens",
    )
    told = events(await door.ask(tools=[TOOL], stream=True))
    [block] = [event["content_block"] for event in told if event["type"] == "content_block_start"]
    assert {**block, "id": made["id"]} == made


async def test_names_of_tools_may_be_longer_than_in_converse(door, stub):
    name = "mcp__" + "a" * 123
    use = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    said = [
        *HELLO["messages"],
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "1"}]},
    ]
    tools = [TOOL | {"name": name}, TOOL | {"name": f"{name[:-1]}b", "type": None}]
    for path in ("/messages", "/messages/count_tokens"):
        answer = await door.ask(path, tools=tools, tool_choice={"type": "tool", "name": name}, messages=said)
        assert answer.status == 200, answer.body
    assert [tool["function"]["name"] for tool in stub.body["tools"]] == [name, f"{name[:-1]}b"]
    assert stub.body["messages"][1]["tool_calls"][0]["function"]["name"] == name


@pytest.mark.parametrize("name", ["a" * 129, "a b" + "c" * 70, "", 7])
async def test_names_of_tools_that_are_none(door, name):
    status, kind, _ = failed(await door.ask(tools=[TOOL | {"name": name}]))
    assert (status, kind) == (400, "invalid_request_error")


async def test_what_is_longer_here_than_in_converse_is_cut_or_named_anew(door, stub):
    """A document's title, and ids of calls, which other providers make up."""
    use = {"type": "tool_use", "id": "x" * 100, "name": "w", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "x" * 100, "content": "1"}
    source = {"type": "text", "media_type": "text/plain", "data": "seven"}
    document = {"type": "document", "title": "t" * 300, "source": source}
    said = [
        *HELLO["messages"],
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result, document]},
    ]
    answer = await door.ask(tools=[TOOL], messages=said)
    assert answer.status == 200, answer.body
    asked = stub.body["messages"]
    assert asked[1]["tool_calls"][0]["id"] == asked[2]["tool_call_id"]
    assert len(asked[2]["tool_call_id"]) <= 64
    assert "t" * 200 in str(asked[3]) and "t" * 201 not in str(asked)


async def test_thinking_is_told_with_no_signature_that_the_engine_did_not_give(door, stub):
    stub.say(delta(reasoning_content="Hm."), text("A"), finish(), usage(7, 2), DONE)
    body = (await door.ask(thinking={"type": "enabled", "budget_tokens": 1024})).json()
    assert body["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": ""}
    assert stub.body["chat_template_kwargs"]["enable_thinking"] is True


async def test_a_stop_sequence_is_named(door, stub):
    stub.say(text("a"), finish("stop", __verbose={"stop_type": "word", "stopping_word": "END"}), usage(7, 1), DONE)
    answer = (await door.ask(stop_sequences=["END"])).json()
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "END")
    assert stub.body["stop"] == ["END"]


async def test_a_whole_conversation_cached_up_to_its_end(door, stub):
    stub.say(progress(40, 12), text("a"), finish(), usage(40, 1, 12), DONE)
    messages = [{"role": "user", "content": "x" * 34}]
    told = (await door.ask(cache_control={"type": "ephemeral"}, messages=messages)).json()["usage"]
    assert told["input_tokens"] + told["cache_creation_input_tokens"] + told["cache_read_input_tokens"] == 40
    assert told["cache_read_input_tokens"] == 12


async def test_effort_is_handed_on(door, stub):
    await door.ask(output_config={"effort": "max"}, thinking={"type": "disabled"})
    assert stub.body["chat_template_kwargs"]["enable_thinking"] is False


async def test_tokens_are_counted_without_a_limit(door):
    answer = await door.ask("/messages/count_tokens", max_tokens=..., system="Be brief.", tools=[TOOL])
    assert answer.json() == {"input_tokens": len("[w]<system>Be brief.<user>hi")}


async def test_models_are_listed_with_their_aliases(door):
    body = (await door.send("GET", "/models")).json()
    assert [info["id"] for info in body["data"]] == [MODEL.id, OTHER.id, "anthropic.claude-x"]
    assert (body["first_id"], body["last_id"], body["has_more"]) == (MODEL.id, "anthropic.claude-x", False)
    assert body["data"][1] == {
        "type": "model",
        "id": OTHER.id,
        "display_name": "Other",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 99,
        "max_tokens": 99,
    }


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ("limit=2", [MODEL.id, OTHER.id], True),
        (f"limit=1&after_id={MODEL.id}", [OTHER.id], True),
        (f"after_id={OTHER.id}", ["anthropic.claude-x"], False),
        (f"limit=1&before_id={OTHER.id}", [MODEL.id], False),
        ("limit=1&before_id=anthropic.claude-x", [OTHER.id], True),
        (f"before_id={MODEL.id}", [], False),
    ],
)
async def test_models_are_listed_page_by_page(door, query, ids, more):
    body = (await door.send("GET", f"/models?{query}")).json()
    assert ([info["id"] for info in body["data"]], body["has_more"]) == (ids, more)
    assert (body["first_id"], body["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=%C2%B2", "after_id=no", "before_id="])
async def test_a_page_that_is_none_is_refused(door, query):
    assert failed(await door.send("GET", f"/models?{query}"))[:2] == (400, "invalid_request_error")


async def test_an_alias_is_told_as_the_model_it_stands_for(door):
    assert (await door.send("GET", "/models/anthropic.claude-x")).json()["id"] == OTHER.id
    assert failed(await door.send("GET", "/models/no.such")) == (404, "not_found_error", "model: no.such")


async def test_every_route_has_a_name_of_its_own(door):
    assert len({route.operation for route in ROUTES}) == len(ROUTES)
    await door.ask()
    assert door.runtime.telemetry.finished[-1][0].operation == "CreateMessage"


# the invocation log ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_the_invocation_log_gets_what_was_asked_and_answered(door, stream):
    door.runtime.log.enabled = True
    await door.ask(stream=stream)
    ((note, error),) = door.runtime.log.records
    assert error is None
    assert json.loads(note["inputBody"]) == {**HELLO, "stream": stream}
    assert note["modelId"] == MODEL.id
    told = note["outputBody"]
    assert told[-1] == {"type": "message_stop"} if stream else told["content"][0]["text"] == "Hello"


async def test_the_invocation_log_gets_what_failed(door, stub):
    door.runtime.log.enabled = True
    stub.say(text("Hel"), 0.05, DROP)
    await door.ask(stream=True)
    await door.ask(max_tokens="x")
    (_, broken), (_, refused) = door.runtime.log.records
    assert isinstance(broken, errors.ModelStreamErrorException)
    assert isinstance(refused, errors.ValidationException)
