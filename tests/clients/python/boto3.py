"""boto3: Converse, ConverseStream and InvokeModel."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.words import (
    ASK_NAME,
    ASK_WEATHER,
    CONVERSE_TOOLS,
    HELLO,
    MAX_TOKENS,
    MISSING,
    MODEL,
    RESULT,
    TEXTS,
    TITAN,
)

SETTINGS: dict[str, Any] = {"modelId": MODEL, "inferenceConfig": {"maxTokens": MAX_TOKENS, "temperature": 0}}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": c} if isinstance(c, str) else c for c in content]}


def text(message: dict[str, Any]) -> str:
    return "".join(block.get("text", "") for block in message["content"])


def chat(client: Any) -> list[str]:
    first = client.converse(messages=[user(HELLO)], **SETTINGS)["output"]["message"]
    messages = [user(HELLO), {"role": "assistant", "content": [{"text": text(first)}]}, user(ASK_NAME)]
    return [text(first), text(client.converse(messages=messages, **SETTINGS)["output"]["message"])]


def stream(client: Any) -> list[str]:
    events = client.converse_stream(messages=[user(HELLO)], **SETTINGS)["stream"]
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    return [delta["text"] for delta in deltas if "text" in delta]


def tool(client: Any) -> dict[str, Any]:
    """The call is streamed, its result is answered in one piece."""
    forced = {**CONVERSE_TOOLS, "toolChoice": {"any": {}}}
    use: dict[str, Any] = {"input": ""}
    for event in client.converse_stream(messages=[user(ASK_WEATHER)], toolConfig=forced, **SETTINGS)["stream"]:
        use.update(event.get("contentBlockStart", {}).get("start", {}).get("toolUse", {}))
        use["input"] += event.get("contentBlockDelta", {}).get("delta", {}).get("toolUse", {}).get("input", "")
    use["input"] = json.loads(use["input"])
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": RESULT}]}}
    messages = [user(ASK_WEATHER), {"role": "assistant", "content": [{"toolUse": use}]}, user(result)]
    answer = client.converse(messages=messages, toolConfig=CONVERSE_TOOLS, **SETTINGS)
    return {"name": use["name"], "input": use["input"], "answer": text(answer["output"]["message"])}


def embed(client: Any) -> list[list[float]]:
    return [vector(client, text) for text in TEXTS]


def vector(client: Any, text: str) -> list[float]:
    answer = client.invoke_model(modelId=TITAN, body=json.dumps({"inputText": text}))
    return json.load(answer["body"])["embedding"]


def refused(client: Any) -> None:
    client.converse(messages=[user(HELLO)], **{**SETTINGS, "modelId": MISSING})
