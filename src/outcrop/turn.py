"""The house language: a turn in, deltas out, in the very shapes of Converse and ConverseStream.

Knows nothing of engines, HTTP or other APIs' bodies. A dialect reads its body into a `Turn` and writes from a `Reply`
or from `Delta`s; an engine takes a `Turn` and yields `Delta`s.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NotRequired, TypedDict

import orjson

Block = dict[str, Any]
"""One ContentBlock: exactly one of text, image, document, toolUse, toolResult, reasoningContent, cachePoint, ..."""

Delta = dict[str, Any]
"""One ConverseStream event: exactly one of messageStart, contentBlockStart, contentBlockDelta, contentBlockStop,
messageStop, metadata. A stream is messageStart, blocks in order of contentBlockIndex, messageStop, metadata.
Beyond Converse's own members
- messageStart may carry `usage` (inputTokens, as far as the engine has told by then), because other APIs say at the
  start what Converse says at the end;
- contentBlockDelta may carry `logprobs` beside a text: one object a token, in OpenAI's shape (token, logprob, bytes,
  top_logprobs), where additionalModelRequestFields asked for them;
- metadata may carry `details`: cachedTokens taken from the engine's prefix cache, reasoningTokens of the answer."""


class Message(TypedDict):
    role: str
    content: list[Block]


class Turn(TypedDict, total=False):
    """What a model is asked: the members of a Converse request that reach the model."""

    messages: list[Message]
    system: list[Block]
    inferenceConfig: dict[str, Any]
    toolConfig: dict[str, Any]
    outputConfig: dict[str, Any]
    additionalModelRequestFields: dict[str, Any]
    prompt: str | list[int]
    """Instead of messages: a text, or its tokens, that the model goes on from as it stands, with no chat template."""


class Reply(TypedDict):
    """A whole answer. `usage` is a TokenUsage, `metrics` holds latencyMs, `fields` what the engine said besides
    (stop_sequence, logprobs, ...) for additionalModelResponseFields, `details` is that of the metadata."""

    message: Message
    stopReason: str
    usage: dict[str, int]
    metrics: dict[str, int]
    fields: dict[str, Any]
    details: NotRequired[dict[str, int]]


class Blocks:
    """Numbers the content blocks of a stream: opens, fills and closes them as an engine's pieces come in."""

    def __init__(self) -> None:
        self.index = -1
        self.kind: str | None = None

    def open(self, kind: str, start: dict[str, Any] | None = None) -> list[Delta]:
        """Close the block under way and begin one of `kind` (`text`, `reasoningContent`, `toolUse`)."""
        deltas = self.close()
        self.index, self.kind = self.index + 1, kind
        if start is not None:
            deltas.append({"contentBlockStart": {"start": start, "contentBlockIndex": self.index}})
        return deltas

    def add(self, kind: str, delta: dict[str, Any]) -> list[Delta]:
        """Append to a block of `kind`, opening one when another kind is under way."""
        deltas = [] if self.kind == kind else self.open(kind)
        deltas.append({"contentBlockDelta": {"delta": delta, "contentBlockIndex": self.index}})
        return deltas

    def close(self) -> list[Delta]:
        if self.kind is None:
            return []
        self.kind = None
        return [{"contentBlockStop": {"contentBlockIndex": self.index}}]


async def gather(deltas: AsyncGenerator[Delta, None]) -> Reply:
    """Fold a stream of deltas into one reply."""
    return (await gathered(deltas)).reply()


async def gathered(deltas: AsyncGenerator[Delta, None]) -> Gathered:
    """A stream of deltas to its end."""
    whole = Gathered()
    async with aclosing(deltas):
        async for delta in deltas:
            whole.add([delta])
    return whole


class Gathered:
    """An answer while its deltas come in."""

    def __init__(self) -> None:
        self.pieces: dict[int, Piece] = {}
        self.stop: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}

    def add(self, deltas: list[Delta]) -> None:
        for delta in deltas:
            ((name, event),) = delta.items()
            if name == "contentBlockDelta":
                self._fill(event)
            elif name == "contentBlockStart":
                self.pieces[event["contentBlockIndex"]] = Piece(event["start"].get("toolUse"))
            elif name == "messageStop":
                self.stop = event
            elif name == "metadata":
                self.metadata = event

    def _fill(self, event: dict[str, Any]) -> None:
        if (index := event["contentBlockIndex"]) not in self.pieces:
            self.pieces[index] = Piece()
        self.pieces[index].add(event["delta"])
        if "logprobs" in event:
            self.pieces[index].logprobs += event["logprobs"]

    def reply(self, cut: bool = False) -> Reply:
        """Raises LookupError where the stream never came to its end. With `cut` a call whose arguments are no JSON
        object, since the answer was cut off in them, is a toolUse all the same, with their text for its `input`:
        streams of other APIs have told its beginning. Converse has no such call: there it is a text."""
        fields = self.stop.get("additionalModelResponseFields", {})
        pieces = [piece for _, piece in sorted(self.pieces.items())]
        logprobs = [token for piece in pieces for token in piece.logprobs]
        return {
            "message": {"role": "assistant", "content": [piece.block(cut) for piece in pieces]},
            "stopReason": self.stop["stopReason"],
            "usage": self.metadata["usage"],
            "metrics": self.metadata["metrics"],
            "fields": fields | ({"logprobs": logprobs} if logprobs else {}),
            "details": self.metadata.get("details", {}),
        }


class Piece:
    """One content block while its deltas come in."""

    def __init__(self, tool: dict[str, Any] | None = None) -> None:
        self.tool = tool
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.signature: str | None = None
        self.logprobs: list[dict[str, Any]] = []

    def add(self, delta: dict[str, Any]) -> None:
        if "text" in delta:
            self.text.append(delta["text"])
        elif "toolUse" in delta:
            self.text.append(delta["toolUse"]["input"])
        else:
            self.reasoning.append(delta["reasoningContent"].get("text", ""))
            self.signature = delta["reasoningContent"].get("signature", self.signature)

    def block(self, cut: bool = False) -> Block:
        text = "".join(self.text)
        if self.tool is not None:
            return _tool_use(self.tool, text, cut)
        if not self.reasoning:
            return {"text": text}
        signed = {} if self.signature is None else {"signature": self.signature}
        return {"reasoningContent": {"reasoningText": {"text": "".join(self.reasoning), **signed}}}


def _tool_use(tool: dict[str, Any], text: str, cut: bool) -> Block:
    """The call; where its text is no JSON object (the answer then stopped for another reason) that text, or the call
    with it."""
    try:
        value = orjson.loads(text.strip() or "{}")
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        return {"toolUse": {**tool, "input": text}} if cut else {"text": text}
    return {"toolUse": {**tool, "input": value}}
