"""InvokeModelWithBidirectionalStream: a session of prompts in Nova Sonic's events, each prompt answered on its own.

Knows nothing of what the events say: `dialects.nova_sonic` does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from ..call import Call
from ..checking import checked, object_of
from ..dialects import nova_sonic, nova_sonic_answers
from ..errors import ValidationException
from ..wire.operation import operation
from ..wire.restjson import is_deeper

if TYPE_CHECKING:
    from ..shapes.bedrock_runtime import (
        InvokeModelWithBidirectionalStreamRequest,
        InvokeModelWithBidirectionalStreamResponse,
    )

IDLE_S = 480.0
"""How long a session in which nothing is being answered may say nothing: as long as a whole session of AWS's, which
ends after 55 silent seconds, but where speech keeps it alive."""
MOST_WAITING = 256
"""Events that may wait for a slow client before the answers are held back."""


@operation
async def invoke_model_with_bidirectional_stream(
    call: Call, request: InvokeModelWithBidirectionalStreamRequest
) -> InvokeModelWithBidirectionalStreamResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithBidirectionalStream.html"""
    body: Any = request["body"]
    call.note["modelId"] = (await call.services.catalog.resolve(request["modelId"])).id
    return {"body": Conversation(call, request["modelId"], body).events()}  # type: ignore[typeddict-item]


class Conversation:
    """A session under way: one task listens, and one for each prompt that is being answered speaks."""

    def __init__(self, call: Call, model_id: str, heard: AsyncGenerator[dict[str, Any], None]) -> None:
        self.call, self.model_id, self.heard = call, model_id, heard
        self.depth = call.services.settings.max_depth
        self.session = nova_sonic.Session()
        self.out: asyncio.Queue[dict[str, Any] | Exception | None] = asyncio.Queue(MOST_WAITING)
        self.tasks: set[asyncio.Task[None]] = set()
        self.answers: dict[str, asyncio.Task[None]] = {}
        self.patience: asyncio.TimerHandle | None = None

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """What goes out, until the session ends. Raises what went wrong in any task; closing it ends them all."""
        self._start(self._listen())
        try:
            while (event := await self.out.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield {"chunk": {"bytes": orjson.dumps(event)}}
        finally:
            await self._end()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._tell(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _tell(self, work: Coroutine[Any, Any, None]) -> None:
        """Let the client know of what went wrong in a task."""
        try:
            await work
        except Exception as error:
            await self.out.put(error)

    async def _end(self) -> None:
        self._wait(None)
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        self._wait(IDLE_S)
        async with aclosing(self.heard):
            async for event in self.heard:
                await self._take(event["chunk"].get("bytes", b""))
                if self.session.ended:
                    break
        self._wait(None)
        await asyncio.gather(*self.answers.values())
        await self.out.put(None)

    async def _take(self, payload: bytes) -> None:
        prompt = self.session.take(object_of(payload, "event", self.depth))
        while self.session.news:
            await self.out.put(self.session.news.pop(0))
        if prompt is not None and prompt.name not in self.answers and (turn := prompt.next_turn()) is not None:
            self.answers[prompt.name] = self._start(self._answer(prompt, turn))
        self._wait(None if self.answers else IDLE_S)

    async def _answer(self, prompt: nova_sonic.Prompt, turn: dict[str, Any] | None) -> None:
        """Answer a prompt's turns until it waits for its client."""
        try:
            while turn is not None:
                await self._turn(prompt, turn)
                turn = prompt.next_turn()
        finally:
            del self.answers[prompt.name]
        if not self.answers and not self.session.ended:
            self._wait(IDLE_S)

    async def _turn(self, prompt: nova_sonic.Prompt, turn: dict[str, Any]) -> None:
        if is_deeper(turn, self.depth):  # schemas and results come as strings of JSON
            raise ValidationException(f"A schema or a tool's result is nested deeper than {self.depth} levels.")
        call = replace(self.call, note={}, started=time.monotonic())
        deltas = self.call.services.inference.deltas(call, self.model_id, checked(turn))
        async with aclosing(nova_sonic_answers.stream(deltas, prompt)) as events:
            async for event in events:
                await self.out.put(event)
        _add(self.call.note, call.note)

    def _wait(self, seconds: float | None) -> None:
        """Be patient with the client for so long from now on; None is for ever."""
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None
        if seconds is not None:
            self.patience = asyncio.get_running_loop().call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._start(self.out.put(ValidationException("Timed out waiting for input events")))


def _add(note: dict[str, Any], answer: dict[str, Any]) -> None:
    """Note one answer on the call: its usage added to that of those before it."""
    used = note.get("usage", {})
    usage = {name: used.get(name, 0) + count for name, count in answer["usage"].items()}
    note |= {"firstTokenMs": answer["firstTokenMs"], **note, "stopReason": answer["stopReason"], "usage": usage}
