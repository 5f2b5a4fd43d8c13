"""boto3, unmodified: a streamed conversation of several turns with a tool call."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.clients.conftest import MODEL, WEATHER
from tests.live import Live

TOOLS = {
    "tools": [
        {
            "toolSpec": {
                "name": WEATHER["name"],
                "description": WEATHER["description"],
                "inputSchema": {"json": WEATHER["schema"]},
            }
        }
    ]
}


@pytest.fixture
def client(server: Live, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    return boto3.client("bedrock-runtime")


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": c} if isinstance(c, str) else c for c in content]}


def stream(client: Any, messages: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """Converse as a stream, folded: the message, its text, its stopReason and usage."""
    blocks: dict[int, Any] = {}
    out: dict[str, Any] = {"events": 0}
    events = client.converse_stream(
        modelId=MODEL, messages=messages, inferenceConfig={"maxTokens": 200, "temperature": 0}, **options
    )["stream"]
    for event in events:
        out["events"] += 1
        ((name, value),) = event.items()
        if name == "contentBlockStart":
            blocks[value["contentBlockIndex"]] = {"toolUse": {**value["start"]["toolUse"], "input": ""}}
        elif name == "contentBlockDelta":
            add(blocks, value["contentBlockIndex"], value["delta"])
        elif name == "messageStop":
            out["stopReason"] = value["stopReason"]
        elif name == "metadata":
            out["usage"] = value["usage"]
    return {**out, "blocks": [blocks[index] for index in sorted(blocks)]}


def add(blocks: dict[int, Any], index: int, delta: dict[str, Any]) -> None:
    if "text" in delta:
        blocks.setdefault(index, {"text": ""})["text"] += delta["text"]
    elif "toolUse" in delta:
        blocks[index]["toolUse"]["input"] += delta["toolUse"]["input"]


def test_a_conversation_remembers_and_streams(client: Any) -> None:
    first = stream(client, [user("Hello, my name is Ada.")])
    assert first["stopReason"] == "end_turn"
    assert first["events"] > 5
    said = next(block["text"] for block in first["blocks"] if "text" in block)
    history = [user("Hello, my name is Ada."), {"role": "assistant", "content": [{"text": said}]}]
    second = stream(client, [*history, user("What is my name?")])
    assert "Ada" in "".join(block.get("text", "") for block in second["blocks"])
    assert second["usage"]["inputTokens"] > first["usage"]["inputTokens"]


def test_a_tool_is_called_and_its_result_answered(client: Any) -> None:
    import json

    question = user("What is the weather in Lisbon?")
    asked = stream(client, [question], toolConfig={**TOOLS, "toolChoice": {"any": {}}})
    assert asked["stopReason"] == "tool_use"
    use = next(block["toolUse"] for block in asked["blocks"] if "toolUse" in block)
    assert use["name"] == "get_weather"
    use["input"] = json.loads(use["input"])
    assert "city" in use["input"]
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": {"temperature_c": 21}}]}}
    turn = [question, {"role": "assistant", "content": [{"toolUse": use}]}, user(result)]
    answered = stream(client, turn, toolConfig=TOOLS)
    assert answered["stopReason"] == "end_turn"
    assert "21" in "".join(block.get("text", "") for block in answered["blocks"])


def test_counting_agrees_with_usage(client: Any) -> None:
    messages = [user("Tell me a story about a fox.")]
    counted = client.count_tokens(modelId=MODEL, input={"converse": {"messages": messages}})["inputTokens"]
    reply = client.converse(modelId=MODEL, messages=messages, inferenceConfig={"maxTokens": 5})
    assert reply["usage"]["inputTokens"] == counted


def test_a_wrong_signature_is_refused(server: Live) -> None:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="wrong" * 8,
    )
    with pytest.raises(ClientError, match="signature") as caught:
        client.converse(modelId=MODEL, messages=[user("Hi")])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_unknown_operation_says_so(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ClientError, match="CreateGuardrail") as caught:
        boto3.client("bedrock").create_guardrail(name="g", blockedInputMessaging="no", blockedOutputsMessaging="no")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
