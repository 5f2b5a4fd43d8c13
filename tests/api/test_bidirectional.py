"""A session both ways in process, a stub for the engine: vanished clients, damaged frames and long silences first."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from outcrop.api import bidirectional
from tests.api.runtime import Runtime, runtime_on
from tests.dialects.test_nova_sonic import NAMES, START, TOOLS, content, prompt_start, result, said
from tests.engines.test_process import eventually
from tests.stub_engine import DONE, DROP, HANG, call, finish, text, usage
from tests.wire.duplex import Duplex, chunk

TARGET = "/model/test.tiny-v1/invoke-with-bidirectional-stream"
END = [("promptEnd", {"promptName": "p"}), ("sessionEnd", {})]


class Talk(Duplex):
    """A session under way."""

    def say(self, *events: tuple[str, Any]) -> None:
        for name, members in events:
            self.send(chunk(json.dumps({"event": {name: members}}).encode()))

    async def hear(self, *until: str) -> list[tuple[str, Any]]:
        """The events up to one of the names."""
        heard: list[tuple[str, Any]] = []
        while not heard or heard[-1][0] not in until:
            frame = await self.frame()
            assert frame.headers[":message-type"] == "event", frame
            event = json.loads(base64.b64decode(json.loads(frame.payload)["bytes"]))["event"]
            heard += event.items()
        return heard

    async def failure(self) -> tuple[str, str]:
        """The frame that ends the stream: its name and its message."""
        frame = await self.frame()
        while frame.headers[":message-type"] == "event":
            frame = await self.frame()
        answer = await self.done()
        assert answer.complete
        return frame.headers[":exception-type"], json.loads(frame.payload)["message"]


@pytest.fixture
async def runtime(stub, tmp_path):
    async with runtime_on(stub.endpoint, tmp_path) as made:
        yield made


@asynccontextmanager
async def talking(runtime: Runtime, *events: tuple[str, Any]) -> AsyncIterator[Talk]:
    talk = Talk(runtime.client.app, TARGET)
    talk.say(START, prompt_start(), *events)
    try:
        yield talk
    finally:
        talk.vanish()
        await talk.done()


def words(heard: list[tuple[str, Any]]) -> str:
    return "".join(event["content"] for name, event in heard if name == "textOutput")


# when things go wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half_closed", [False, True])
async def test_a_client_that_vanishes_stops_the_engine(runtime, stub, half_closed):
    stub.say(text("Hel"), HANG)
    async with talking(runtime, *said("a", "x")) as talk:
        await talk.hear("textOutput")
        if half_closed:
            talk.end()
            await eventually(talk._inbox.empty)  # the server has taken it
        talk.vanish()
        await talk.done()
    await asyncio.wait_for(stub.gone.wait(), 20)
    assert runtime.telemetry.finished[-1][1] == 499


async def test_a_client_that_vanishes_in_silence_ends_the_session(runtime):
    async with talking(runtime) as talk:
        await talk.hear("usageEvent")
    assert runtime.telemetry.finished[-1][1] == 499
    assert not [task for task in asyncio.all_tasks() if "_listen" in repr(task) or "_answer" in repr(task)]


async def test_a_client_that_reads_nothing_and_vanishes_stops_the_engine(runtime, stub, monkeypatch):
    stub.say(*[text("x")] * 3000, HANG)
    hold = asyncio.Event()

    class Slow(Talk):
        async def _receive(self, message):
            if self.answer.sends:
                await hold.wait()
            await super()._receive(message)

    talk = Slow(runtime.client.app, TARGET)
    talk.say(START, prompt_start(), *said("a", "x"))
    await asyncio.wait_for(stub.asked.wait(), 20)
    talk.vanish()
    await talk.done()
    assert talk.task.done()
    await asyncio.wait_for(stub.gone.wait(), 20)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x00" * 40, "prelude checksum"),
        (chunk(b"{")[:-1] + b"x", "checksum"),
        (chunk(b"{"), "the event is not JSON"),
        (chunk(b"[]"), "expected type: JSONObject"),
        (chunk(b'{"event": {"contentEnd": {"promptName": "p", "contentName": "c"}}}'), "No content named c"),
        (chunk(b'{"event": ' + b"[" * 100 + b"]" * 100 + b"}"), "nested deeper than 64"),
        (chunk(b"x" * 1_000_001), "1 validation error detected"),
        (b"", "ends in the middle"),
    ],
)
async def test_what_cannot_be_read_ends_the_session_with_a_validation_exception(runtime, stub, data, message):
    async with talking(runtime) as talk:
        talk.send(data or chunk(b"{}")[:20])
        talk.end()
        name, told = await talk.failure()
    assert name == "validationException"
    assert message in told
    assert stub.bodies == []


async def test_a_session_that_sends_without_end_is_stopped(stub, tmp_path):
    async with runtime_on(stub.endpoint, tmp_path, max_body_mib=1) as runtime, talking(runtime) as talk:
        talk.say(content("c", "SYSTEM", "")[0])
        for _ in range(20):
            talk.say(("textInput", {**NAMES, "content": "x" * 60_000}))
        name, told = await talk.failure()
    assert (name, "larger than 1048576 bytes" in told) == ("validationException", True)


async def test_speech_is_refused_by_name(runtime):
    async with talking(runtime, ("audioInput", {**NAMES, "content": "AAAA"})) as talk:
        name, told = await talk.failure()
    assert (name, "neither takes nor gives speech" in told) == ("validationException", True)


async def test_a_schema_nested_too_deep_is_refused(runtime):
    deep = '{"a":' * 70 + "1" + "}" * 70
    tools = {"tools": [{"toolSpec": {"name": "w", "inputSchema": {"json": deep}}}]}
    async with talking(runtime, prompt_start("q", toolConfiguration=tools), *said("c", "x", "q")) as talk:
        name, told = await talk.failure()
    assert (name, "nested deeper" in told) == ("validationException", True)


async def test_a_model_that_is_not_there_is_an_http_error(runtime):
    talk = Talk(runtime.client.app, "/model/no.such/invoke-with-bidirectional-stream")
    answer = await talk.done()
    assert (answer.status, answer.code) == (404, "ResourceNotFoundException")


async def test_a_range_of_converse_holds(runtime):
    talk = Talk(runtime.client.app, TARGET)
    talk.say(("sessionStart", {"inferenceConfiguration": {"temperature": 7}}), prompt_start(), *said("a", "x"))
    name, told = await talk.failure()
    assert (name, "inferenceConfig.temperature" in told) == ("validationException", True)


async def test_an_engine_killed_in_mid_answer_ends_the_session_and_the_next_one_works(runtime, stub):
    stub.say(text("Hel"), 0.05, DROP)
    async with talking(runtime, *said("a", "x")) as talk:
        assert (await talk.failure())[0] == "modelStreamErrorException"
    stub.say(text("Hello"), finish(), usage(7, 2), DONE)
    async with talking(runtime, *said("a", "x")) as talk:
        assert words(await talk.hear("completionEnd")) == "Hello" * 2


async def test_silence_is_borne_only_so_long(runtime, monkeypatch):
    monkeypatch.setattr(bidirectional, "IDLE_S", 0.1)
    async with talking(runtime) as talk:
        assert await talk.failure() == ("validationException", "Timed out waiting for input events")


async def test_silence_during_an_answer_is_none(runtime, stub, monkeypatch):
    monkeypatch.setattr(bidirectional, "IDLE_S", 0.1)
    stub.say(text("Hel"), 0.3, text("lo"), finish(), usage(7, 2), DONE)
    async with talking(runtime, *said("a", "x")) as talk:
        assert words(await talk.hear("completionEnd")) == "HelloHello"
        assert await talk.failure() == ("validationException", "Timed out waiting for input events")


# when things go right --------------------------------------------------------------------------------------------


async def test_a_conversation_is_remembered_and_counted(runtime, stub):
    async with talking(runtime, *content("s", "SYSTEM", "Be brief."), *said("a", "I am Ada.")) as talk:
        assert talk.answer.status in (0, 200)
        assert words(await talk.hear("completionEnd")) == "HelloHello"
        talk.say(*said("b", "Who am I?"))
        heard = await talk.hear("completionEnd")
        talk.say(*END)
        answer = await talk.done()
    assert answer.complete
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert answer.sends[0] == b""
    assert [(m["role"], m["content"]) for m in stub.body["messages"]] == [
        ("system", "Be brief."),
        ("user", "I am Ada."),
        ("assistant", "Hello"),
        ("user", "Who am I?"),
    ]
    assert (stub.body["max_tokens"], stub.body["temperature"]) == (9, 0.7)
    assert next(event for name, event in heard if name == "usageEvent")["totalTokens"] == 18
    note = runtime.note
    assert (note["modelId"], note["stopReason"]) == ("test.tiny-v1", "end_turn")
    assert note["usage"] == {"inputTokens": 14, "outputTokens": 4, "totalTokens": 18}


async def test_a_tool_is_called_and_its_result_answered(runtime, stub):
    stub.say(call(0, "w", '{"city": "Ulm"}'), finish("tool_calls"), usage(7, 2), DONE)
    async with talking(runtime, prompt_start("q", toolConfiguration=TOOLS), *said("a", "Rain?", "q")) as talk:
        heard = await talk.hear("toolUse")
        use = heard[-1][1]
        assert (use["toolName"], json.loads(use["content"])) == ("w", {"city": "Ulm"})
        await talk.hear("usageEvent")
        stub.say(text("Wet."), finish(), usage(9, 1), DONE)
        talk.say(*((name, members | {"promptName": "q"}) for name, members in result("r", use["toolUseId"], "{}")))
        assert words(await talk.hear("completionEnd")) == "Wet.Wet."
    assert [message["role"] for message in stub.body["messages"]] == ["user", "assistant", "tool"]


async def test_prompts_of_one_session_are_answered_at_the_same_time(runtime, stub):
    stub.say(text("a"), 0.2, text("b"), finish(), usage(7, 2), DONE)
    async with talking(runtime, prompt_start("q")) as talk:
        talk.say(*said("c", "one"), *said("c", "two", "q"))
        heard = await talk.hear("completionEnd")
        assert stub.running <= 2 and len(stub.bodies) == 2
        heard += await talk.hear("completionEnd")
    assert {event["promptName"] for name, event in heard if name == "completionEnd"} == {"p", "q"}
    first_end = next(at for at, (name, _) in enumerate(heard) if name == "completionEnd")
    assert {event["promptName"] for name, event in heard[:first_end] if name == "textOutput"} == {"p", "q"}


async def test_answers_end_before_a_session_does(runtime, stub):
    stub.say(text("a"), 0.1, text("b"), finish(), usage(7, 2), DONE)
    async with talking(runtime, *said("c", "x"), *END) as talk:
        assert words(await talk.hear("completionEnd")) == "abab"
        assert (await talk.done()).complete


async def test_a_client_that_only_closes_its_half_gets_its_answers(runtime):
    async with talking(runtime, *said("c", "x")) as talk:
        talk.end()
        assert words(await talk.hear("completionEnd")) == "HelloHello"
        assert (await talk.done()).complete
    assert runtime.telemetry.finished[-1][1] == 200
