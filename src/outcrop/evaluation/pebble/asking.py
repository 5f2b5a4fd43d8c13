"""Reaching the model that is measured: through the Converse API, or a bare OpenAI-compatible server.

Knows nothing of the questions' content.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from outcrop.evaluation.pebble.item import Item, Reply

Ask = Callable[[Item, int], Reply]


def converse(endpoint: str, model: str, **credentials: Any) -> Ask:
    """Ask through the Converse API; what is not given (region, keys) comes from the environment, as in any SDK."""
    from botocore.config import Config
    from botocore.session import get_session

    config = Config(read_timeout=300, retries={"max_attempts": 3}, max_pool_connections=16)
    client: Any = get_session().create_client("bedrock-runtime", endpoint_url=endpoint, config=config, **credentials)

    def ask(item: Item, limit: int) -> Reply:
        request: dict = {
            "modelId": model,
            "messages": item.messages,
            "inferenceConfig": {"temperature": 0, "maxTokens": limit},
        }
        if item.system:
            request["system"] = [{"text": item.system}]
        if item.tools:
            request["toolConfig"] = {"tools": item.tools}
        if item.schema:
            wanted = {"name": "record", "schema": json.dumps(item.schema)}
            request["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": wanted}}}
        return _read_converse(client.converse(**request))

    return ask


def _read_converse(answer: dict) -> Reply:
    usage = answer["usage"]
    reply = Reply(read=usage["totalTokens"] - usage["outputTokens"], written=usage["outputTokens"])
    for block in answer["output"]["message"]["content"]:
        reply.text += block.get("text", "")
        reply.reasoning += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
        if "toolUse" in block:
            reply.calls.append((block["toolUse"]["name"], block["toolUse"]["input"]))
    return reply


def engine(url: str) -> Ask:
    """Ask a bare OpenAI-compatible server."""

    def ask(item: Item, limit: int) -> Reply:
        body: dict = {"messages": _openai_messages(item), "temperature": 0, "max_tokens": limit}
        if item.tools:
            body["tools"] = [_openai_tool(tool["toolSpec"]) for tool in item.tools]
        if item.schema:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "record", "schema": item.schema}}
        request = urllib.request.Request(
            url.rstrip("/") + "/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as response:
            answer = json.load(response)
        message, usage = answer["choices"][0]["message"], answer["usage"]
        calls = [
            (c["function"]["name"], _arguments(c["function"]["arguments"])) for c in message.get("tool_calls") or []
        ]
        text, thought = message.get("content") or "", message.get("reasoning_content") or ""
        return Reply(text, thought, calls, usage["prompt_tokens"], usage["completion_tokens"])

    return ask


def _arguments(text: str) -> dict:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _openai_tool(spec: dict) -> dict:
    return {
        "type": "function",
        "function": {
            "name": spec["name"],
            "description": spec["description"],
            "parameters": spec["inputSchema"]["json"],
        },
    }


def _openai_messages(item: Item) -> list[dict]:
    messages = [{"role": "system", "content": item.system}] if item.system else []
    for message in item.messages:
        messages += [_openai_message(message["role"], block) for block in message["content"]]
    return messages


def _openai_message(role: str, block: dict) -> dict:
    if "toolUse" in block:
        use = block["toolUse"]
        function = {"name": use["name"], "arguments": json.dumps(use["input"])}
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": use["toolUseId"], "type": "function", "function": function}],
        }
    if "toolResult" in block:
        result = block["toolResult"]
        return {
            "role": "tool",
            "tool_call_id": result["toolUseId"],
            "content": json.dumps(result["content"][0]["json"]),
        }
    return {"role": role, "content": block["text"]}
