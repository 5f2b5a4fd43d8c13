"""The Responses API's answer: deltas written as typed events, and as the response that they make up.

Knows nothing of requests, HTTP or stored responses. An answer that is not streamed is the response of its last event.
Source: platform.openai.com/docs/api-reference/responses-streaming and the types of the `openai` package.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..errors import ModelNotReadyException, ServiceError, ThrottlingException
from ..turn import Delta, Gathered
from .openai_parts import prompt_tokens, weighed

Event = dict[str, Any]

ENDS = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
"""Converse stopReason that leaves an answer incomplete -> the reason."""

OVER = ("response.completed", "response.incomplete", "response.failed")
"""The last event of an answer is one of these."""


async def stream(deltas: AsyncGenerator[Delta, None], events: Events) -> AsyncGenerator[Event, None]:
    """The events of an answer. A failure after the first delta is an event, too; one before it is raised. Closing it
    closes `deltas`."""
    async with aclosing(deltas):
        try:
            async for delta in deltas:
                for event in events.read(delta):
                    yield event
        except ServiceError as error:
            if not events.begun:
                raise
            for event in events.failed(error):
                yield event


class Events:
    """Folds deltas into events. `response` is the response object as far as it has come."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.response = response
        self.summary = response["reasoning"]["summary"] is not None
        self.sequence = -1
        self.begun = False
        self.item: Item | None = None

    def read(self, delta: Delta) -> list[Event]:
        """The events of one delta."""
        ((name, event),) = delta.items()
        if name == "contentBlockDelta":
            return self._piece(event)
        if name == "messageStart":
            return self.begin()
        if name == "contentBlockStart":
            return self._numbered(self._open(event["contentBlockIndex"], Call(event["start"]["toolUse"])))
        if name == "messageStop":
            return self._numbered(self._stop(event["stopReason"]))
        if name == "metadata":
            self.response["usage"] = _usage(event["usage"], event.get("details", {}))
            return self._numbered(self._end())
        return []  # a block's end is told when it is known whether more follows

    def begin(self) -> list[Event]:
        """response.created and response.in_progress; the latter alone where it was queued before."""
        known = [] if self.begun else ["response.created"]
        self.begun = True
        self.response["status"] = "in_progress"
        return self._numbered([self._whole(kind) for kind in (*known, "response.in_progress")])

    def queued(self) -> list[Event]:
        """response.created and response.queued, for one that waits for its turn in the background."""
        self.begun = True
        return self._numbered([self._whole("response.created"), self._whole("response.queued")])

    def failed(self, error: ServiceError) -> list[Event]:
        """The end of an answer that broke."""
        events = self._close("incomplete")
        self.response |= {"status": "failed", "error": told(error)}
        return self._numbered([*events, self._whole("response.failed")])

    def unkept(self, last: Event, error: ServiceError) -> Event:
        """What is told instead of the last event of an answer that cannot be kept; one that broke has said so."""
        if last["type"] == "response.failed":
            return last
        self.sequence -= 1
        self.response.pop("completed_at", None)
        return self.failed(error)[-1]

    def _piece(self, event: dict[str, Any]) -> list[Event]:
        opened: list[Event] = []
        if self.item is None or self.item.block != event["contentBlockIndex"]:
            opened = self._numbered(self._open(event["contentBlockIndex"], self._new("text" not in event["delta"])))
        assert self.item is not None
        told = self.item.add(event)
        self.sequence = told["sequence_number"] = self.sequence + 1
        return [*opened, told]

    def _new(self, thought: bool) -> Item:
        if not thought:
            return Message()
        return Summary() if self.summary else Reasoning()

    def _open(self, block: int, item: Item) -> list[Event]:
        events = self._close("completed")
        self._place(block, item)
        self.item = item
        return events + item.opened()

    def _place(self, block: int, item: Item) -> None:
        """Append an item to the response's output."""
        index = len(self.response["output"])
        item.begin(block, index, f"{item.prefix}_{self.response['id'].removeprefix('resp_')}{index:04x}")
        self.response["output"].append(item.value)

    def _close(self, status: str) -> list[Event]:
        if self.item is None:
            return []
        item, self.item = self.item, None
        return item.closed(status)

    def _stop(self, reason: str) -> list[Event]:
        return self._close(self._settle(reason))

    def _settle(self, reason: str) -> str:
        """Say in the response how it ended; returns the status of its last item."""
        incomplete = ENDS.get(reason)
        self.response["status"] = "incomplete" if incomplete else "completed"
        if incomplete:
            self.response["incomplete_details"] = {"reason": incomplete}
        return "incomplete" if incomplete or reason.startswith("malformed") else "completed"

    def _end(self) -> list[Event]:
        self._date()
        return [self._whole(f"response.{self.response['status']}")]

    def _date(self) -> None:
        if self.response["status"] == "completed":
            self.response["completed_at"] = int(time.time())

    def answered(self, answer: Gathered) -> dict[str, Any]:
        """The response of an answer that is all here: that of its stream's last event, without making any."""
        pieces = sorted(answer.pieces.items())
        last = self._settle(answer.stop["stopReason"])
        for place, (block, piece) in enumerate(pieces, 1):
            item = Call(piece.tool) if piece.tool is not None else self._new(bool(piece.reasoning))
            if isinstance(item, Message):
                item.logprobs = weighed(piece.logprobs)
            self._place(block, item)
            item.end("".join(piece.reasoning or piece.text), last if place == len(pieces) else "completed")
        self.response["usage"] = _usage(answer.metadata["usage"], answer.metadata.get("details", {}))
        self._date()
        return self.response

    def _whole(self, kind: str) -> Event:
        """An event of the response as it is now. Of its parts only the items still change, by whole members."""
        return {"type": kind, "response": {**self.response, "output": [{**item} for item in self.response["output"]]}}

    def _numbered(self, events: list[Event]) -> list[Event]:
        for event in events:
            self.sequence += 1
            event["sequence_number"] = self.sequence
        return events


class Item(ABC):
    """One output item while its pieces come in: `value` grows as the response's own item."""

    prefix = ""

    def __init__(self) -> None:
        self.block = -1
        self.pieces: list[str] = []
        self.place: dict[str, Any] = {}
        self.value: dict[str, Any] = {}

    def begin(self, block: int, index: int, id: str) -> None:
        self.block = block
        self.place = {"item_id": id, "output_index": index}
        self.value.update(self.fresh(id))

    @abstractmethod
    def fresh(self, id: str) -> dict[str, Any]:
        """The item before anything is in it."""

    def opened(self) -> list[Event]:
        return [self._item("response.output_item.added"), *self._begin()]

    def closed(self, status: str) -> list[Event]:
        whole = "".join(self.pieces)
        self.end(whole, status)
        return [*self._finish(whole), self._item("response.output_item.done")]

    def end(self, whole: str, status: str) -> None:
        self.fill(whole)
        self.value["status"] = status

    @abstractmethod
    def fill(self, whole: str) -> None:
        """Put all that was said into the item."""

    @abstractmethod
    def add(self, event: dict[str, Any]) -> Event:
        """The event of one more piece (a contentBlockDelta)."""

    def _begin(self) -> list[Event]:
        return []

    @abstractmethod
    def _finish(self, whole: str) -> list[Event]:
        """The events that close the item, once it is filled."""

    def _item(self, kind: str) -> Event:
        return {"type": kind, "output_index": self.place["output_index"], "item": {**self.value}}

    def _at(self, kind: str, **members: Any) -> Event:
        return {"type": kind, **self.place, **members}


class Message(Item):
    """What the model says."""

    prefix = "msg"

    def __init__(self) -> None:
        super().__init__()
        self.logprobs: list[dict[str, Any]] = []

    def fresh(self, id: str) -> dict[str, Any]:
        return {"id": id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}

    def _begin(self) -> list[Event]:
        return [self._at("response.content_part.added", content_index=0, part=self._part(""))]

    def add(self, event: dict[str, Any]) -> Event:
        piece, told = event["delta"]["text"], weighed(event["logprobs"]) if "logprobs" in event else []
        self.pieces.append(piece)
        self.logprobs += told
        said = {"content_index": 0, "delta": piece, "logprobs": told}
        return {"type": "response.output_text.delta", **self.place, **said}

    def fill(self, whole: str) -> None:
        self.value["content"] = [self._part(whole)]

    def _finish(self, whole: str) -> list[Event]:
        return [
            self._at("response.output_text.done", content_index=0, text=whole, logprobs=self.logprobs),
            self._at("response.content_part.done", content_index=0, part=self._part(whole)),
        ]

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": [*self.logprobs]}


class Reasoning(Item):
    """What the model thinks, word for word."""

    prefix = "rs"

    def fresh(self, id: str) -> dict[str, Any]:
        return {"id": id, "type": "reasoning", "summary": [], "content": [], "status": "in_progress"}

    def _begin(self) -> list[Event]:
        return [self._at("response.content_part.added", content_index=0, part=self._part(""))]

    def add(self, event: dict[str, Any]) -> Event:
        piece = event["delta"]["reasoningContent"].get("text", "")
        self.pieces.append(piece)
        return self._at("response.reasoning_text.delta", content_index=0, delta=piece)

    def fill(self, whole: str) -> None:
        self.value["content"] = [self._part(whole)]

    def _finish(self, whole: str) -> list[Event]:
        return [
            self._at("response.reasoning_text.done", content_index=0, text=whole),
            self._at("response.content_part.done", content_index=0, part=self._part(whole)),
        ]

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "reasoning_text", "text": text}


class Summary(Item):
    """What the model thinks, for a caller who asked for a summary: nobody shortens it here, so it is the whole."""

    prefix = "rs"

    def fresh(self, id: str) -> dict[str, Any]:
        return {"id": id, "type": "reasoning", "summary": [], "status": "in_progress"}

    def _begin(self) -> list[Event]:
        return [self._at("response.reasoning_summary_part.added", summary_index=0, part=self._part(""))]

    def add(self, event: dict[str, Any]) -> Event:
        piece = event["delta"]["reasoningContent"].get("text", "")
        self.pieces.append(piece)
        return self._at("response.reasoning_summary_text.delta", summary_index=0, delta=piece)

    def fill(self, whole: str) -> None:
        self.value["summary"] = [self._part(whole)]

    def _finish(self, whole: str) -> list[Event]:
        return [
            self._at("response.reasoning_summary_text.done", summary_index=0, text=whole),
            self._at("response.reasoning_summary_part.done", summary_index=0, part=self._part(whole)),
        ]

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "summary_text", "text": text}


class Call(Item):
    """A function that the model calls."""

    prefix = "fc"

    def __init__(self, use: dict[str, Any]) -> None:
        super().__init__()
        self.use = use

    def fresh(self, id: str) -> dict[str, Any]:
        called = {"call_id": self.use["toolUseId"], "name": self.use["name"], "arguments": ""}
        return {"id": id, "type": "function_call", **called, "status": "in_progress"}

    def add(self, event: dict[str, Any]) -> Event:
        piece = event["delta"]["toolUse"]["input"]
        self.pieces.append(piece)
        return self._at("response.function_call_arguments.delta", delta=piece)

    def fill(self, whole: str) -> None:
        self.value["arguments"] = whole or "{}"

    def _finish(self, whole: str) -> list[Event]:
        name = self.value["name"]
        return [self._at("response.function_call_arguments.done", name=name, arguments=self.value["arguments"])]


def told(error: ServiceError) -> dict[str, Any]:
    """An error as a response holds it."""
    busy = isinstance(error, ThrottlingException | ModelNotReadyException)
    return {"code": "rate_limit_exceeded" if busy else "server_error", "message": error.message}


def _usage(usage: dict[str, int], details: dict[str, int]) -> dict[str, Any]:
    return {
        "input_tokens": prompt_tokens(usage),
        "input_tokens_details": {"cached_tokens": details.get("cachedTokens", 0), "cache_write_tokens": 0},
        "output_tokens": usage["outputTokens"],
        "output_tokens_details": {"reasoning_tokens": details.get("reasoningTokens", 0)},
        "total_tokens": usage["totalTokens"],
    }
