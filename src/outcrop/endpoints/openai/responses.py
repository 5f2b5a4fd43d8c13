"""/responses: create, retrieve, delete, cancel, input items, input tokens.

Knows nothing of engines; dialects/openai_responses.py reads requests, dialects/openai_events.py writes answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from ... import ids
from ...call import Call
from ...checking import checked
from ...dialects.openai_events import OVER, Event, Events, stream
from ...dialects.openai_parts import fault, flag
from ...dialects.openai_responses import begun, own_items, read
from ...errors import ModelErrorException, ModelStreamErrorException, ServiceError, ValidationException
from ...turn import Delta, Gathered, gathered
from .. import door
from ..door import Answer, Request
from . import asked, files, stored
from .manner import TOO_LONG
from .paging import page
from .runs import Runs, cancelled

Items = stored.Items

log = logging.getLogger("outcrop.openai")


class Responses:
    """The operations, and the runs that outlive their requests."""

    def __init__(self) -> None:
        self.runs = Runs()

    async def create(self, call: Call, request: Request) -> Answer | door.Events:
        """https://platform.openai.com/docs/api-reference/responses/create"""
        body = request.json()
        model = await asked.model(call, body)
        own, items = await _items(call, body)
        turn = checked(read(body, items))  # what cannot be is said now, also of a background response
        background, streamed = flag(body, "background"), flag(body, "stream")
        if background:  # it is counted and logged when it is answered, as a call of its own
            call = replace(call, note={**call.note}, started=time.monotonic())
        fitting = _fitting(call, model, body, items) if body.get("truncation") == "auto" else None
        id = f"resp_{ids.digits(32)}"
        events = Events(begun(body, id, int(time.time()), "queued" if background else "in_progress"))
        kept = own if body.get("store") is not False else None
        inference = call.services.inference
        if not background and not streamed:
            answer = gathered(fitting) if fitting else inference.gathered(call, model, turn)
            return Answer(await _whole(call, kept, answer, events))
        deltas = fitting or inference.deltas(call, model, turn)
        if background:
            return await self._in_background(call, body, own, deltas, events)
        return door.Events(_frames(call, kept, deltas, events))

    async def _in_background(
        self, call: Call, body: dict[str, Any], own: Items, deltas: AsyncGenerator[Delta, None], events: Events
    ) -> Answer | door.Events:
        if body.get("store") is False:
            raise fault("#: Background mode requires store to be true.", "background")
        queued = await self.runs.start(call, own, deltas, events)
        if flag(body, "stream"):
            return door.Events(_named(self.runs.follow(queued["id"])))
        return Answer(queued)

    async def retrieve(self, call: Call, request: Request) -> Answer | door.Events:
        """https://platform.openai.com/docs/api-reference/responses/get; `stream=true` for those of the background."""
        kept = await self.runs.found(call, request.params["response_id"])
        if request.query.get("stream", "false").lower() != "true":
            return Answer(kept["response"])
        return door.Events(_named(self._replayed(call, kept, _after(request.query.get("starting_after", "")))))

    async def _replayed(self, call: Call, kept: stored.Record, after: int) -> AsyncGenerator[Event, None]:
        """The events of a response that is, or was, answered in the background."""
        id = kept["response"]["id"]
        if self.runs.has(id):
            async for event in self.runs.follow(id, after):
                yield event
            return
        if "events" not in kept:  # it may have ended since
            kept = await stored.found(call, id)
        if "events" not in kept:
            raise fault("#: stream: only a response made with background=true, and answered here, can be streamed")
        for event in kept["events"]:
            if event["sequence_number"] > after:
                yield event

    async def delete(self, call: Call, request: Request) -> Answer:
        """https://platform.openai.com/docs/api-reference/responses/delete; ends one that is being answered."""
        id = request.params["response_id"]
        await stored.delete(call, id)
        self.runs.stop(id)
        return Answer({"id": id, "object": "response", "deleted": True})

    async def cancel(self, call: Call, request: Request) -> Answer:
        """https://platform.openai.com/docs/api-reference/responses/cancel"""
        id = request.params["response_id"]
        kept = await self.runs.found(call, id)
        if not kept["response"]["background"]:
            raise fault("#: Cannot cancel a synchronous response.")
        kept = await stored.change(call, id, cancelled)
        if kept["response"]["status"] == "cancelled":  # one that ended meanwhile still tells its callers
            self.runs.stop(id)
        return Answer(kept["response"])

    async def input_items(self, call: Call, request: Request) -> Answer:
        """https://platform.openai.com/docs/api-reference/responses/input-items; those of this response alone."""
        kept = await stored.found(call, request.params["response_id"])
        return Answer(page([_listed(item) for item in kept["input"]], request.query, most=100, usual=20))


async def input_tokens(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/responses/input-tokens"""
    body = request.json()
    model = await asked.model(call, body)
    _, items = await _items(call, body)
    count = await call.services.inference.count(call, model, checked(read(body, items)))
    return Answer({"object": "response.input_tokens", "input_tokens": count})


async def _items(call: Call, body: dict[str, Any]) -> tuple[Items, Items]:
    """A request's own input, and with it all that went before."""
    own = own_items(body)
    if not isinstance(body["input"], str):  # a text names no items and no files
        own = await stored.resolved(call, own)
        await files.inline(call, own)
    return own, await stored.earlier(call, body.get("previous_response_id")) + own


async def _fitting(call: Call, model: str, body: dict[str, Any], items: Items) -> AsyncGenerator[Delta, None]:
    """The answer to what is left when the oldest turns are dropped until it fits."""
    while True:
        deltas = call.services.inference.deltas(call, model, checked(read(body, items)))
        try:
            async with aclosing(deltas):
                async for delta in deltas:
                    yield delta
            return
        except ValidationException as error:  # comes before the first delta
            shorter = _without_oldest(items)
            if len(shorter) in (0, len(items)) or not error.message.startswith(TOO_LONG):
                raise
            items = shorter


def _without_oldest(items: Items) -> Items:
    """The items without the oldest turn, or eighth of the turns: from a later message of a user on. What developers
    said stays. Turn by turn, a conversation of thousands would be read and sent thousands of times."""
    users = [place for place, item in enumerate(items) if item.get("role") == "user"]
    if len(users) < 2:
        return items
    begin = users[max(1, len(users) // 8)]
    told = [item for item in items[:begin] if item.get("role") in ("system", "developer")]
    return told + items[begin:]


async def _whole(call: Call, own: Items | None, asked: Awaitable[Gathered], events: Events) -> dict[str, Any]:
    """The response when it is complete. A model that fails half way is an error: nothing streams here."""
    try:
        answer = await asked
    except ModelStreamErrorException as error:
        raise ModelErrorException(error.message) from error
    response = events.answered(answer)
    if own is not None:
        await stored.keep(call, stored.record(response, own))
    return response


async def _frames(
    call: Call, own: Items | None, deltas: AsyncGenerator[Delta, None], events: Events
) -> AsyncGenerator[bytes, None]:
    """The frames of an answer; it is kept before its last event tells that it is there."""
    async with aclosing(stream(deltas, events)) as told:
        async for event in told:
            if event["type"] in OVER and own is not None:
                event = await _kept(call, own, event, events)
            yield asked.named_frame(event)


async def _kept(call: Call, own: Items, last: Event, events: Events) -> Event:
    """The last event of an answer, once that is kept; the event that says so where it cannot be."""
    try:
        await stored.keep(call, stored.record(last["response"], own))
    except ServiceError as error:
        log.error("response %s is lost: %s", last["response"]["id"], error.message)
        return events.unkept(last, error)
    return last


async def _named(events: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            yield asked.named_frame(event)


def _after(given: str) -> int:
    if not given:
        return -1
    if not given.isascii() or not given.isdecimal():
        raise fault("#: starting_after: expected a sequence number", "starting_after")
    return int(given[:18])


def _listed(item: dict[str, Any]) -> dict[str, Any]:
    """An input item as the list shows it: messages with their content as parts."""
    if item.get("type") not in (None, "message") or not isinstance(item.get("content"), str):
        return item
    kind = "output_text" if item["role"] == "assistant" else "input_text"
    return {"type": "message", **item, "content": [{"type": kind, "text": item["content"]}]}
