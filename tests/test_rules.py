# ruff: noqa: E501 - messages as the service writes them
from __future__ import annotations

from typing import Any

import pytest

from outcrop.catalog import Model
from outcrop.errors import ValidationException
from outcrop.rules import check, check_documents
from outcrop.turn import Turn

MODEL = Model(id="t.t", name="t", provider="T", source="/none")
SEEING = Model(id="t.t", name="t", provider="T", source="/none", input_modalities=("TEXT", "IMAGE"))
TOOLS = {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]}
USE = {"toolUse": {"toolUseId": "1", "name": "f", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "1", "content": [{"text": "r"}]}}
IMAGE = {"image": {"format": "png", "source": {"bytes": b"x"}}}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {**user(*blocks), "role": "assistant"}


def document(name: str = "d", **more: Any) -> dict[str, Any]:
    return {"document": {"name": name, "format": "txt", "source": {"bytes": b"x"}, **more}}


def turn(*messages: Any, **more: Any) -> Turn:
    return {"messages": list(messages), **more}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (turn(), "A conversation must start with a user message. Try again with a conversation that starts with a user"),
        (turn(assistant("x")), "A conversation must start with a user message."),
        (turn(user("a"), user("b")), "A conversation must alternate between user and assistant roles. Make sure the"),
        (turn(user("a"), assistant("b"), assistant("c")), "A conversation must alternate"),
        (turn(user()), "The content field in the Message object at messages.0 is empty. Add a ContentBlock object to the"),
        (turn(user("a", " \n")), "The text field in the ContentBlock object at messages.0.content.1 is blank. Add text"),
        (turn(user("a"), assistant("")), "The text field in the ContentBlock object at messages.1.content.0 is blank."),
        (turn(user("a"), assistant(USE), user(RESULT)), "The toolConfig field must be defined when using toolUse and"),
        (turn(user("a"), assistant(USE), user("b"), toolConfig=TOOLS), "Expected toolResult blocks at messages.2.content "
         "for the following Ids: 1"),
        (turn(user("a"), assistant(USE), toolConfig=TOOLS), "Expected toolResult blocks at messages.2.content for the"),
        (turn(user("a"), assistant(USE), user(RESULT, RESULT), toolConfig=TOOLS), "The number of toolResult blocks at "
         "messages.2.content exceeds the number of toolUse blocks of previous turn."),
        (turn(user(RESULT), toolConfig=TOOLS), "The number of toolResult blocks at messages.0.content exceeds"),
        (turn(user(USE), toolConfig=TOOLS), "The toolUse field at messages.0.content.0 can't be used in a message of the"),
        (turn(user("a"), assistant(IMAGE)), "The image field at messages.1.content.0 can't be used in a message of the"),
        (turn(user("a"), assistant({"toolUse": {**USE["toolUse"], "input": "x"}}), user(RESULT), toolConfig=TOOLS),
         "The format of the value at messages.1.content.0.toolUse.input is invalid. Provide a json object for the field"),
        (turn(user("a"), assistant(USE), user({"toolResult": {"toolUseId": "1", "content": [{"json": [1]}]}}),
              toolConfig=TOOLS), "The format of the value at messages.2.content.0.toolResult.content.0.json is invalid."),
        (turn(user("a"), assistant(USE), user({"toolResult": {"toolUseId": "1", "content": [], "status": "error"}}),
              toolConfig=TOOLS), "The content field at messages.2.content.0.toolResult cannot be empty when status value"),
        (turn(user("a"), toolConfig={"tools": TOOLS["tools"] * 2}), "The tool f is defined more than once"),
        (turn(user("a"), toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "g"}}}), "The tool g at toolConfig.toolCh"),
        (turn(user("a"), toolConfig={"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": []}}}]}),
         "The format of the value at toolConfig.tools.0.toolSpec.inputSchema.json is invalid. Provide a json object"),
        (turn(user("a"), toolConfig={"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "array"}}}}]}),
         "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object."),
        (turn(user("a", IMAGE)), "This model doesn't support the image field for user messages. Remove image and try"),
        (turn(user("a", {"toolRemoval": {}})), "This model doesn't support the toolRemoval field for user messages."),
        (turn(user("a"), toolConfig={"tools": [{"systemTool": {"name": "g"}}]}), "This model doesn't support the systemTool"),
        (turn(user("a", {"video": {}})), "This model doesn't support the video field for user messages."),
        (turn(user("a"), assistant(USE), user({"toolResult": {"toolUseId": "1", "content": [IMAGE]}}), toolConfig=TOOLS),
         "This model doesn't support the image field"),
    ],
)  # fmt: skip
def test_what_bedrock_refuses_is_refused_in_its_words(asked, answer):
    with pytest.raises(ValidationException) as refused:
        check(asked, MODEL)
    assert refused.value.message.startswith(answer)


@pytest.mark.parametrize(
    "asked",
    [
        turn(user("a")),
        turn(user("a"), assistant("b"), user("c")),
        turn(user("a"), assistant("a beginning")),
        turn(user("a"), assistant(USE), user(RESULT, "and"), toolConfig=TOOLS),
        turn(user("a"), assistant(USE), user({"toolResult": {"toolUseId": "1", "content": []}}), toolConfig=TOOLS),
        turn({"role": "system", "content": [{"text": "s"}]}, user("a"), {"role": "system", "content": [{"text": "s"}]}),
        turn(user("a"), assistant({"reasoningContent": {"redactedContent": b"x"}}, "b"), user("c")),
        turn(user("a", {"cachePoint": {"type": "default"}}), system=[{"text": "s"}]),
    ],
)
def test_what_bedrock_takes_passes(asked):
    check(asked, MODEL)


@pytest.mark.timeout(60)
def test_tens_of_thousands_of_tools_and_calls_are_each_read_once():
    names = [f"f{place}" for place in range(60_000)]
    uses = [{"toolUse": {"toolUseId": name, "name": name, "input": {}}} for name in names]
    results = [{"toolResult": {"toolUseId": name, "content": []}} for name in names]
    tools = [{"toolSpec": {"name": name, "inputSchema": {"json": {}}}} for name in names]
    check(turn(user("a"), assistant(*uses), user(*reversed(results)), toolConfig={"tools": tools}), MODEL)


def test_two_calls_want_two_results_in_any_order():
    calls = [{"toolUse": {"toolUseId": str(n), "name": "f", "input": {}}} for n in (1, 2)]
    results = [{"toolResult": {"toolUseId": str(n), "content": []}} for n in (2, 1)]
    check(turn(user("a"), assistant(*calls), user(*results), toolConfig=TOOLS), MODEL)
    with pytest.raises(ValidationException, match=r"following Ids: 2$"):
        check(turn(user("a"), assistant(*calls), user(results[1]), toolConfig=TOOLS), MODEL)


def test_a_model_says_what_it_cannot_do():
    plain = Model(id="t.t", name="t", provider="T", source="/none", tools=False, system=False)
    with pytest.raises(ValidationException, match="This model doesn't support tool use"):
        check(turn(user("a"), toolConfig=TOOLS), plain)
    with pytest.raises(ValidationException, match="This model doesn't support system messages"):
        check(turn(user("a"), system=[{"text": "s"}]), plain)


def test_a_model_that_sees_takes_twenty_images():
    check(turn(user("a", *[IMAGE] * 20)), SEEING)
    with pytest.raises(ValidationException, match="more than 20 images"):
        check(turn(user("a", *[IMAGE] * 20), assistant("b"), user(IMAGE)), SEEING)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (
            turn(user("a", *[document(f"d{n}") for n in range(6)])),
            "You can't include more than 5 documents in a request.",
        ),
        (turn(user("a", document("x"), document("x"))), "Messages can't contain duplicate document names."),
        (turn(user("a", document("report.pdf"))), "The document file name can only contain alphanumeric characters"),
        (turn(user("a", document("a  b"))), "The document file name can only contain"),
        (turn(user("a", document("über"))), "The document file name can only contain"),
        (turn(user(document())), "A text block must be included when using documents. Add a text block and retry"),
    ],
)
def test_documents_are_refused_in_bedrocks_words(asked, answer):
    with pytest.raises(ValidationException) as refused:
        check_documents(asked)
    assert refused.value.message.startswith(answer)


def test_documents_in_tool_results_count_too_and_want_no_text():
    inside = {"toolResult": {"toolUseId": "1", "content": [document(f"d {n}") for n in range(5)]}}
    check_documents(turn(user(inside)))
    with pytest.raises(ValidationException, match="more than 5 documents"):
        check_documents(turn(user("a", document("one more"), inside)))


@pytest.mark.parametrize("name", ["report", "a_b", "a b-c (1) [2]"])
def test_names_that_bedrock_takes(name):
    check_documents(turn(user("a", document(name))))
