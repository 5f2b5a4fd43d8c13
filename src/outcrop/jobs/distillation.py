"""What comes before the training of a distillation: prompts get their answers from the teacher.

Knows nothing of how a teacher answers. Answers are appended to a file one by one, so that a server that starts again
asks only for those that are missing. Prompts are a file of their own or the records of the invocation log.
Source: docs.aws.amazon.com/bedrock/latest/userguide/prequisites-model-distillation.html.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ModelNotReadyException, ServiceError, ServiceUnavailableException, ThrottlingException
from ..store.files import write_whole
from ..turn import Reply, Turn
from . import data
from .data import DataError, Fault

Ask = Callable[[str, Turn], Awaitable[Reply]]
"""(model id, turn) -> the model's answer."""

AT_ONCE = 8
"""Questions that the teacher is asked at the same time."""
TRIES, PAUSE_S = 6, 1.0
"""How often a teacher that is busy or loading is asked, and the first pause between, which doubles."""
PASSING = (ThrottlingException, ModelNotReadyException, ServiceUnavailableException)

PROMPTS, ANSWERS, TRAIN = "prompts.jsonl", "answers.jsonl", "train.jsonl"
ANSWERED = ("end_turn", "stop_sequence", "tool_use")
"""How an answer ends that can be learnt: one that was cut off would teach the student to stop in the middle."""


async def teach(folder: Path, teacher: str, inference: dict[str, Any], ask: Ask) -> None:
    """Make train.jsonl of prompts.jsonl. A prompt that ends with the assistant's own words keeps them.

    Raises DataError for prompts that cannot be used, by line, and where no answer can be learnt from; ServiceError when
    the teacher refuses.
    """
    _, turns = await asyncio.to_thread(data.read, folder / PROMPTS, "prompts")
    answers = Answers(folder / ANSWERS)
    missing = iter([n for n, turn in enumerate(turns) if _open(turn) and n not in answers.known])
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(_answer(turns, missing, answers, teacher, inference, ask))
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    lines = [line for number, turn in enumerate(turns) if (line := _line(turn, answers.known.get(number)))]
    if not lines:
        raise DataError(f"The teacher {teacher} gave no whole answer to any of {len(turns)} prompts.")
    write_whole(folder / TRAIN, "".join(json.dumps(line) + "\n" for line in lines).encode())


class Answers:
    """The answers so far, by the number of their prompt; what a kill left of a line is cut off."""

    def __init__(self, path: Path) -> None:
        whole = path.read_bytes() if path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        self.known: dict[int, dict[str, Any]] = {}
        for line in whole.splitlines():
            self._know(json.loads(line))
        path.write_bytes(whole)
        self._path = path

    def add(self, number: int, reply: Reply) -> None:
        answer = {"number": number, "stopReason": reply["stopReason"], "content": reply["message"]["content"]}
        with self._path.open("a") as file:
            file.write(json.dumps(answer) + "\n")
        self._know(answer)

    def _know(self, answer: dict[str, Any]) -> None:
        self.known[answer["number"]] = answer


async def _answer(
    turns: Sequence[Any], missing: Iterator[int], answers: Answers, teacher: str, inference: dict[str, Any], ask: Ask
) -> None:
    for number in missing:
        turn: Any = {**turns[number], "inferenceConfig": inference}
        answers.add(number, await _patiently(ask, teacher, turn, number))


async def _patiently(ask: Ask, teacher: str, turn: Turn, number: int) -> Reply:
    """The answer, asked for again while the teacher is busy."""
    for attempt in range(TRIES - 1):
        try:
            return await ask(teacher, turn)
        except PASSING:
            await asyncio.sleep(PAUSE_S * 2**attempt)
        except ServiceError as error:
            raise DataError(f"The teacher {teacher} refused prompt {number + 1}: {error.message}") from error
    return await ask(teacher, turn)


def _open(turn: Mapping[str, Any]) -> bool:
    """Whether the teacher has the next word."""
    return turn["messages"][-1]["role"] == "user"


def _line(turn: Mapping[str, Any], answer: dict[str, Any] | None) -> dict[str, Any] | None:
    """A line of training data; None where the answer is not whole, or cannot be learnt."""
    said = _learnable(answer) if answer else []
    if _open(turn) and not said:
        return None
    last = [{"role": "assistant", "content": said}] if said else []
    line = {"schemaVersion": "bedrock-conversation-2024", **turn, "messages": [*turn["messages"], *last]}
    try:
        data.check(line, "DISTILLATION")
    except Fault:  # the teacher called a tool that there is not
        return None
    return line


def _learnable(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks that training data may hold; the teacher's reasoning is not among them."""
    if answer["stopReason"] not in ANSWERED:
        return []
    return [block for block in answer["content"] if "toolUse" in block or block.get("text", "").strip()]
