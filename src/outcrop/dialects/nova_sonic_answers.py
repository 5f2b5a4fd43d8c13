"""Answers of a Nova Sonic session: deltas written as the events that go out.

Pure, as `nova_sonic` is. Source: docs.aws.amazon.com/nova/latest/nova2-userguide/sonic-output-events.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import orjson

from .. import ids
from ..turn import Block, Delta, Piece
from .nova_sonic import Prompt


async def stream(deltas: AsyncGenerator[Delta, None], prompt: Prompt) -> AsyncGenerator[dict[str, Any], None]:
    """The events of one answer of `prompt`, which keeps what was said. Closing it closes `deltas`.

    Text goes out as it comes (SPECULATIVE, in the words of a model that speaks) and once more as a whole (FINAL).
    Reasoning has no event.
    """
    writer = Writer(prompt)
    async with aclosing(deltas):
        async for delta in deltas:
            ((name, event),) = delta.items()
            for out in WRITERS[name](writer, event):
                yield {"event": out}


class Writer:
    """One answer while its deltas come in."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.piece: Piece | None = None
        self.content = ""
        """Id of the text content under way."""
        self.said: list[Block] = []

    def open(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        self.piece = Piece(event["start"]["toolUse"])
        return []

    def add(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        delta = event["delta"]
        self.piece = self.piece or Piece()
        self.piece.add(delta)
        if "text" not in delta:
            return []
        opening = [] if self.content else self._open_text("SPECULATIVE")
        return [*opening, self._text(delta["text"])]

    def close(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        piece, self.piece = self.piece, None
        if piece is None or piece.reasoning:
            return []
        self.said.append(block := piece.block())
        if "toolUse" in block:
            return self._tool_use(block["toolUse"])
        began = [] if self.content else [*self._open_text("SPECULATIVE"), self._text(block["text"])]
        return [*began, *self._close_text("PARTIAL_TURN")]

    def end(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        self.prompt.heard(self.said)
        usage = self.prompt.usage(event["usage"]["inputTokens"], event["usage"]["outputTokens"])
        return [usage, *self._final(), *self.prompt.complete()]

    def _final(self) -> list[dict[str, Any]]:
        text = "".join(block["text"] for block in self.said if "text" in block)
        if not text:
            return []
        ended = "PARTIAL_TURN" if self.prompt.asked else "END_TURN"
        return [*self._open_text("FINAL"), self._text(text), *self._close_text(ended)]

    def _open_text(self, stage: str) -> list[dict[str, Any]]:
        self.content = ids.uuid()
        kind = {"type": "TEXT", "role": "ASSISTANT", "textOutputConfiguration": {"mediaType": "text/plain"}}
        fields = orjson.dumps({"generationStage": stage}).decode()
        return [self.prompt.event("contentStart", contentId=self.content, additionalModelFields=fields, **kind)]

    def _text(self, text: str) -> dict[str, Any]:
        return self.prompt.event("textOutput", contentId=self.content, role="ASSISTANT", content=text)

    def _close_text(self, reason: str) -> list[dict[str, Any]]:
        content, self.content = self.content, ""
        return [self.prompt.event("contentEnd", contentId=content, stopReason=reason, type="TEXT")]

    def _tool_use(self, use: dict[str, Any]) -> list[dict[str, Any]]:
        content = ids.uuid()
        kind = {"type": "TOOL", "role": "TOOL", "toolUseOutputConfiguration": {"mediaType": "application/json"}}
        call = {"content": orjson.dumps(use["input"]).decode(), "toolName": use["name"], "toolUseId": use["toolUseId"]}
        return [
            self.prompt.event("contentStart", contentId=content, **kind),
            self.prompt.event("toolUse", contentId=content, **call),
            self.prompt.event("contentEnd", contentId=content, stopReason="TOOL_USE", type="TOOL"),
        ]


WRITERS: dict[str, Callable[[Writer, dict[str, Any]], list[dict[str, Any]]]] = {
    "messageStart": lambda writer, event: writer.prompt.begin(),
    "contentBlockStart": Writer.open,
    "contentBlockDelta": Writer.add,
    "contentBlockStop": Writer.close,
    "messageStop": lambda writer, event: [],
    "metadata": Writer.end,
}
"""Delta -> how it is written."""
