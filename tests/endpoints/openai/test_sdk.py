"""The `openai` package, unmodified, against a running server with Pebble."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader

from outcrop.engines.probe import PEBBLE
from tests.live import Live, running

openai = pytest.importorskip("openai", reason="pip install openai")
pytestmark = pytest.mark.xdist_group("openai-sdk")

MODEL, EMBEDDER = "outcrop.pebble-v1", "outcrop.minilm-l6-v2"
ADA: Any = [{"role": "user", "content": "Hello, my name is Ada."}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Get the current weather of a city.", "parameters": SCHEMA}
TOOLS: Any = [{"type": "function", "function": WEATHER}]
QUESTION = "What is the weather in Lisbon?"


MADE: list[Any] = []
"""Clients to close: a socket that the collector finds open fails whatever test runs then."""


def client_of(live: Live, prefix: str = "/v1") -> Any:
    key = live.cli("keys", "create", f"test{prefix.replace('/', '-')}", "--api-key").stdout.split()[-1]
    MADE.append(openai.OpenAI(base_url=live.url + prefix, api_key=key, max_retries=0))
    return MADE[-1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(tmp_path_factory.mktemp("openai") / "home") as live:
        yield live
    for client in MADE:
        client.close()


@pytest.fixture(scope="module")
def client(server: Live) -> Any:
    return client_of(server)


def ask(client: Any, **more: Any) -> Any:
    return client.chat.completions.create(
        **{"model": MODEL, "messages": ADA, "temperature": 0, "max_tokens": 60, **more}
    )


def respond(client: Any, **more: Any) -> Any:
    return client.responses.create(**{"model": MODEL, "input": ADA[0]["content"], "temperature": 0, **more})


def test_chat_at_bedrocks_own_prefix(server: Live) -> None:
    client = client_of(server, "/openai/v1")
    assert MODEL in [model.id for model in client.models.list()]
    assert "Ada" in ask(client).choices[0].message.content


def test_a_stream_says_what_a_whole_answer_says(client: Any) -> None:
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = ask(client)
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens == len(chunks) - 3 + 1
    assert whole.usage.prompt_tokens_details.cached_tokens > 0


def test_logprobs_add_up_to_the_text(client: Any) -> None:
    choice = ask(client, logprobs=True, top_logprobs=3).choices[0]
    told = choice.logprobs.content
    assert "".join(token.token for token in told) == choice.message.content
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in told)
    assert all(token.top_logprobs[0].token == token.token for token in told), "greedy"


def bias(value: int, *tokens: str) -> dict[str, int]:
    """A bias on tokens of Pebble; its vocabulary spells a space its own way."""
    spelt = GGUFReader(PEBBLE).get_field("tokenizer.ggml.tokens").contents()  # type: ignore[union-attr]
    return {str(spelt.index(token.replace(" ", "Ġ"))): value for token in tokens}


def first_token(client: Any, **more: Any) -> str:
    return ask(client, logprobs=True, max_tokens=1, **more).choices[0].logprobs.content[0].token


def test_a_bias_changes_the_answer(client: Any) -> None:
    first = first_token(client)
    assert first_token(client, logit_bias=bias(-100, first)) != first
    ever = bias(100, "assistant")
    assert ask(client, logit_bias=ever, max_tokens=3).choices[0].message.content == "assistant" * 3


def test_several_answers(client: Any) -> None:
    choices = ask(client, n=3, temperature=2, seed=1, max_tokens=8).choices
    assert [choice.index for choice in choices] == [0, 1, 2]


def test_a_tool_call_streamed_and_its_result(client: Any) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    asked: Any = {"model": MODEL, "tools": TOOLS, "temperature": 0, "max_tokens": 100}
    with client.chat.completions.stream(messages=messages, tool_choice="required", **asked) as stream:
        events = [event.type for event in stream]
        message = stream.get_final_completion().choices[0].message
    assert "tool_calls.function.arguments.done" in events
    [call] = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"temperature_c": 21}'}
    said: Any = {"role": "assistant", "tool_calls": [call.model_dump(include={"id", "type", "function"})]}
    reply = client.chat.completions.create(messages=[*messages, said, result], **asked)
    assert "21" in reply.choices[0].message.content


def test_a_completion_without_a_template(client: Any) -> None:
    made = client.completions.create(model=MODEL, prompt=["Hello", "Good"], max_tokens=4, temperature=0, logprobs=2)
    assert [choice.index for choice in made.choices] == [0, 1]
    assert "".join(made.choices[0].logprobs.tokens) == made.choices[0].text
    pieces = client.completions.create(model=MODEL, prompt="Hello", max_tokens=4, temperature=0, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == made.choices[0].text


def test_responses_go_on_from_one_another(client: Any) -> None:
    first = respond(client)
    second = respond(client, input="What is my name?", previous_response_id=first.id)
    assert "Ada" in second.output_text
    assert client.responses.retrieve(second.id).output_text == second.output_text
    assert [item.content[0].text for item in client.responses.input_items.list(second.id)] == ["What is my name?"]
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)


def test_a_streamed_response_with_a_tool(client: Any) -> None:
    tools: Any = [{"type": "function", "strict": True, **WEATHER}]
    asked: Any = {"model": MODEL, "tools": tools, "temperature": 0}
    with client.responses.stream(input=QUESTION, tool_choice="required", **asked) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-3:] == [
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    [call] = response.output
    output: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": '{"temperature_c": 21}'}]
    assert "21" in respond(client, input=output, previous_response_id=response.id, tools=tools).output_text


def test_a_response_in_the_background(client: Any) -> None:
    response = respond(client, background=True)
    assert response.status == "queued"
    while response.status in ("queued", "in_progress"):
        time.sleep(0.05)
        response = client.responses.retrieve(response.id)
    assert (response.status, "Ada" in response.output_text) == ("completed", True)
    events = list(client.responses.retrieve(response.id, stream=True, starting_after=3))
    assert events[0].sequence_number == 4
    assert events[-1].response.output_text == response.output_text


def test_files(client: Any) -> None:
    content = bytes(range(256)) * 100
    made = client.files.create(file=("data.bin", content), purpose="user_data")
    assert client.files.content(made.id).read() == content
    assert made.id in [file.id for file in client.files.list()]
    assert client.files.delete(made.id).deleted


def test_embeddings_in_both_encodings(client: Any) -> None:
    if EMBEDDER not in [model.id for model in client.models.list()]:
        pytest.skip("the embedding model is not installed: make serve installs it")
    plain = client.embeddings.create(model=EMBEDDER, input=["a rock", "a stone"], encoding_format="float")
    packed = client.embeddings.create(model=EMBEDDER, input=["a rock", "a stone"])  # the package asks for base64
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding)
    assert len(client.embeddings.create(model=EMBEDDER, input="a", dimensions=8).data[0].embedding) == 8


@pytest.mark.parametrize(
    ("asked", "error", "code"),
    [
        ({"model": "gpt-9"}, "NotFoundError", "model_not_found"),
        ({"temperature": 3}, "BadRequestError", None),
        ({"messages": [{"role": "user", "content": "word " * 5000}]}, "BadRequestError", "context_length_exceeded"),
    ],
)
def test_errors_are_the_packages_own(client: Any, asked: dict[str, Any], error: str, code: str | None) -> None:
    with pytest.raises(getattr(openai, error)) as raised:
        ask(client, **asked)
    assert (raised.value.code, raised.value.type) == (code, "invalid_request_error")
    assert raised.value.request_id


def test_a_wrong_key(server: Live) -> None:
    stranger = openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError) as raised:
        stranger.models.list()
    assert raised.value.code == "invalid_api_key"


@pytest.mark.timeout(300)  # two servers start, on a machine that may be busy
def test_what_a_killed_server_left_in_the_background_has_failed(tmp_path: Path) -> None:
    with running(tmp_path / "home") as live:
        client = client_of(live)
        endless = bias(-100, "<|im_end|>", "<|endoftext|>")
        long: Any = {"logit_bias": endless, "max_output_tokens": 1900}
        response = respond(client, background=True, input="Count to a million.", extra_body=long)
        kept = client.responses.retrieve(response.id).status
        assert kept in ("queued", "in_progress")
        os.kill(live.process.pid, signal.SIGKILL)
        live.process.wait()
    with running(tmp_path / "home") as again:
        after = client_of(again, "/openai/v1").responses.retrieve(response.id)
    assert after.status == "failed"
    assert "stopped before" in after.error.message
