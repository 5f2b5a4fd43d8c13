"""aioboto3: Converse, ConverseStream and InvokeModel, asynchronously."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.clients.python.boto3 import SETTINGS, text, user
from tests.clients.words import ASK_NAME, ASK_WEATHER, CONVERSE_TOOLS, HELLO, MISSING, RESULT, TEXTS, TITAN

Connect = Callable[[], Any]


async def chat(connect: Connect) -> list[str]:
    async with connect() as client:
        first = (await client.converse(messages=[user(HELLO)], **SETTINGS))["output"]["message"]
        messages = [user(HELLO), {"role": "assistant", "content": [{"text": text(first)}]}, user(ASK_NAME)]
        second = await client.converse(messages=messages, **SETTINGS)
    return [text(first), text(second["output"]["message"])]


async def stream(connect: Connect) -> list[str]:
    async with connect() as client:
        events = (await client.converse_stream(messages=[user(HELLO)], **SETTINGS))["stream"]
        deltas = [event["contentBlockDelta"]["delta"] async for event in events if "contentBlockDelta" in event]
    return [delta["text"] for delta in deltas if "text" in delta]


async def tool(connect: Connect) -> dict[str, Any]:
    forced = {**CONVERSE_TOOLS, "toolChoice": {"any": {}}}
    async with connect() as client:
        asked = await client.converse(messages=[user(ASK_WEATHER)], toolConfig=forced, **SETTINGS)
        message = asked["output"]["message"]
        use = next(block["toolUse"] for block in message["content"] if "toolUse" in block)
        result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": RESULT}]}}
        messages = [user(ASK_WEATHER), message, user(result)]
        answer = await client.converse(messages=messages, toolConfig=CONVERSE_TOOLS, **SETTINGS)
    return {"name": use["name"], "input": use["input"], "answer": text(answer["output"]["message"])}


async def embed(connect: Connect) -> list[list[float]]:
    """All at once on one client."""
    async with connect() as client:
        return await asyncio.gather(*(vector(client, text) for text in TEXTS))


async def vector(client: Any, text: str) -> list[float]:
    answer = await client.invoke_model(modelId=TITAN, body=json.dumps({"inputText": text}))
    return json.loads(await answer["body"].read())["embedding"]


async def refused(connect: Connect) -> None:
    async with connect() as client:
        await client.converse(messages=[user(HELLO)], **{**SETTINGS, "modelId": MISSING})
