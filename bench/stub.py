"""An engine that does nothing: OpenAI chat completions of any length, streamed or whole, at almost no cost.

`python -m bench.stub PORT`. Knows no model: the answer is `max_tokens` times the word "rock ", in events of the size
and shape of llama.cpp's. Streamed answers are written in bursts of BURST events, with a turn of the event loop between.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import cache
from typing import Any

import uvloop

BURST = 32
WORD = "rock "
COMMON = {"created": 1795298400, "id": "chatcmpl-0123456789abcdefghijklmnopqrstuv", "model": "default"}
_TOKENS = re.compile(rb'"max_(?:completion_)?tokens":\s*(\d+)')


def usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 12, "completion_tokens": tokens, "total_tokens": tokens + 12}


def choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"finish_reason": finish, "index": 0, "delta": delta}


def event(*choices: dict[str, Any], **more: Any) -> bytes:
    body = {"choices": choices, **COMMON, "object": "chat.completion.chunk", **more}
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


@cache
def stream(tokens: int) -> list[bytes]:
    """The bursts of a streamed answer, head and chunk sizes included."""
    role, word = event(choice({"role": "assistant", "content": None})), event(choice({"content": WORD}))
    events = [role, *[word] * tokens, event(choice({}, "length")), event(usage=usage(tokens)), b"data: [DONE]\n\n"]
    joined = [b"".join(events[at : at + BURST]) for at in range(0, len(events), BURST)]
    bursts = [b"%x\r\n%b\r\n" % (len(data), data) for data in joined]
    bursts[0] = head(b"text/event-stream", b"Transfer-Encoding: chunked") + bursts[0]
    bursts[-1] += b"0\r\n\r\n"
    return bursts


@cache
def whole(tokens: int) -> bytes:
    """A whole answer."""
    message = {"role": "assistant", "content": WORD * tokens}
    choice = {"finish_reason": "length", "index": 0, "message": message}
    body = json.dumps({"choices": [choice], **COMMON, "object": "chat.completion", "usage": usage(tokens)}).encode()
    return head(b"application/json", b"Content-Length: %d" % len(body)) + body


def head(content_type: bytes, length: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n\r\n" % (content_type, length)


class Engine(asyncio.Protocol):
    """One connection. Requests come one after the other, each with a Content-Length."""

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        start, found, body = self.buffer.partition(b"\r\n\r\n")
        length = int(start.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if found and len(body) >= length:
            self.buffer = body[length:]
            self.answer(body[:length])

    def answer(self, body: bytes) -> None:
        asked = _TOKENS.search(body)
        tokens = int(asked[1]) if asked else 16
        if b'"stream":true' in body or b'"stream": true' in body:
            self.write(iter(stream(tokens)))
        else:
            self.transport.write(whole(tokens))

    def write(self, bursts: Any) -> None:
        burst = next(bursts, None)
        if burst is not None and not self.transport.is_closing():
            self.transport.write(burst)
            asyncio.get_running_loop().call_soon(self.write, bursts)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Engine, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
