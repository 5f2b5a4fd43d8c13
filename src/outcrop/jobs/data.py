"""Training data, line by line: JSON Lines in Bedrock's and OpenAI's formats, checked before anything is computed.

Knows nothing of tokens or of torch.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-customization-prepare.html.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engines.body import function, messages
from .line import Fault, Format, Row, entries, only, text
from .openai_lines import CHAT, PREFERRED

SHOWN = 5
"""Faulty lines that the failure quotes."""
LONGEST_LINE = 4 << 20
"""Bytes."""
MOST_RECORDS = {"train": 100_000, "validation": 10_000}
LEAST_RECORDS = 10
"""What OpenAI asks of a training file; Bedrock's formats may have fewer."""


ODD = (TypeError, AttributeError, LookupError, ValueError)
"""What comes of a value of a shape that no format has."""


class DataError(Exception):
    """Data that cannot be trained on. The message names lines and reasons."""


def read(path: Path, kind: str, part: str = "train") -> tuple[str, list[Row]]:
    """The name of the file's format and its rows. `kind` is a key of FORMATS.

    Rows: {"messages", "tools"} for conversations in OpenAI's roles (loss on the assistant's turns), {"text"} for plain
    text, {"prompt", "chosen", "rejected", "tools"} for preferences, {"messages", "reference"} for prompts to be graded;
    of "prompts" turns as Converse takes them. Raises DataError.
    """
    rows: list[Row] = []
    faults: list[str] = []
    formats: set[str] = set()
    for number, line in _lines(path):
        try:
            format = _format(line, FORMATS[kind])
            rows.append(_row(format, line))
            formats.add(format.name)
        except Fault as fault:
            faults.append(f"line {number}: {fault}")
    _check(path, rows, faults, formats, MOST_RECORDS[part])
    if part == "train" and kind in OPENAI and len(rows) < LEAST_RECORDS:
        raise DataError(f"{path.name} has {len(rows)} example(s), but must have at least {LEAST_RECORDS} examples.")
    return formats.pop(), rows


def check(line: Row, kind: str) -> Row:
    """One line as a row. Raises Fault."""
    return _row(_format(line, FORMATS[kind]), line)


def _row(format: Format, line: Row) -> Row:
    try:
        return format.read(line)
    except ODD as error:
        raise Fault(f"a value is of the wrong type or out of range ({str(error)[:80]})") from error


def _check(path: Path, rows: list[Row], faults: list[str], formats: set[str], most: int) -> None:
    if faults:
        beyond = f"; and {len(faults) - SHOWN} more lines" if len(faults) > SHOWN else ""
        raise DataError(f"{path.name}: {'; '.join(faults[:SHOWN])}{beyond}")
    if not rows:
        raise DataError(f"{path.name} has no records.")
    if len(rows) > most:
        raise DataError(f"{path.name} has {len(rows)} records; at most {most} are taken.")
    if len(formats) > 1:
        raise DataError(f"{path.name} mixes formats: {' and '.join(sorted(formats))}.")


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    """(number, JSON value or the Fault that stands in its place) of every line that is not empty."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _parsed(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)


def _parsed(line: bytes) -> Any:
    if len(line) > LONGEST_LINE:
        return Fault(f"longer than {LONGEST_LINE >> 20} MiB")
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeDecodeError:
        return Fault("not UTF-8")
    except UnicodeEncodeError:
        return Fault("an escape is half of a character (a surrogate without its other half)")
    except (ValueError, RecursionError) as error:
        return Fault(f"not JSON ({str(error)[:80]})")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _format(line: Any, formats: tuple[Format, ...]) -> Format:
    if isinstance(line, Fault):
        raise line
    if not isinstance(line, dict):
        raise Fault(f"an object was expected, not {type(line).__name__}")
    for format in formats:
        if format.marks <= line.keys():
            return format
    known = "; ".join(f"{format.name} ({', '.join(sorted(format.marks))})" for format in formats)
    raise Fault(f"its keys ({', '.join(sorted(map(str, line)))[:80]}) are of no known format; known: {known}")


# the formats -----------------------------------------------------------------------------------------------------


def _completion(line: Row) -> Row:
    only(line, "prompt", "completion", "system")
    asked = {"role": "user", "content": text(line, "prompt")}
    answered = {"role": "assistant", "content": text(line, "completion")}
    return {"messages": [*_system(line), asked, answered], "tools": []}


def _preference(line: Row) -> Row:
    only(line, "prompt", "chosen", "rejected", "system")
    chosen, rejected = text(line, "chosen"), text(line, "rejected")
    if chosen == rejected:
        raise Fault("chosen and rejected are the same")
    prompt = [*_system(line), {"role": "user", "content": text(line, "prompt")}]
    sides = {"chosen": chosen, "rejected": rejected}
    said = {name: [{"role": "assistant", "content": text}] for name, text in sides.items()}
    return {"prompt": prompt, **said, "tools": []}


def _plain(line: Row) -> Row:
    only(line, "input")
    return {"text": text(line, "input")}


def _conversation(line: Row) -> Row:
    """bedrock-conversation-2024: Converse's own messages, so they read as a Converse request does."""
    turn = _turn(line)
    if turn["messages"][-1]["role"] != "assistant":
        raise Fault("the last message is not the assistant's: there is nothing to learn")
    spoken = [_with_objects(message) for message in messages(turn)]  # type: ignore[arg-type]
    return {"messages": spoken, "tools": [function(spec) for spec in _tool_specs(line.get("toolConfig", {}))]}


def _prompt(line: Row) -> Row:
    """A prompt for a teacher, and its answer where it has one."""
    only(line, "prompt", "completion", "system")
    sides = {"user": "prompt", "assistant": "completion"}
    turns = [{"role": r, "content": [{"text": text(line, key)}]} for r, key in sides.items() if key in line]
    return {"messages": turns, **({"system": [{"text": text(line, "system")}]} if "system" in line else {})}


def _turn(line: Row) -> Row:
    """The members of a conversation that reach a model, checked."""
    if line["schemaVersion"] != "bedrock-conversation-2024":
        raise Fault(f"schemaVersion {line['schemaVersion']!r} is not bedrock-conversation-2024")
    only(line, "schemaVersion", "system", "messages", "toolConfig")
    turns = entries(line, "messages")
    tools = _tool_specs(line.get("toolConfig", {}))
    for place, turn in enumerate(turns):
        _check_turn(turn, place, {spec["name"] for spec in tools})
    config = {"toolConfig": line["toolConfig"]} if tools else {}
    return {"system": _system_blocks(line), "messages": turns, **config}


def _graded(line: Row) -> Row:
    """Prompts for reinforcement: OpenAI's messages and what the grader may want to know."""
    turns = entries(line, "messages")
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ("system", "developer", "user", "assistant"):
            raise Fault("a message has no role of system, user or assistant")
        text(turn, "content")
    if turns[-1]["role"] != "user":
        raise Fault("the last message is not the user's: there is nothing to answer")
    return {"messages": turns, "reference": {key: value for key, value in line.items() if key != "messages"}}


CONVERSATION = Format("bedrock-conversation-2024", frozenset({"schemaVersion", "messages"}), _conversation)

FINE_TUNING = (
    CONVERSATION,
    Format("preference", frozenset({"prompt", "chosen", "rejected"}), _preference),
    Format("prompt and completion", frozenset({"prompt", "completion"}), _completion),
    PREFERRED,
    CHAT,
)
GRADED = Format("prompts to be graded", frozenset({"messages"}), _graded)

OPENAI: dict[str, tuple[Format, ...]] = {"supervised": (CHAT,), "dpo": (PREFERRED,), "reinforcement": (GRADED,)}
"""OpenAI's method -> the formats of its data."""

FORMATS: dict[str, tuple[Format, ...]] = {
    "FINE_TUNING": FINE_TUNING,
    "CONTINUED_PRE_TRAINING": (Format("plain text", frozenset({"input"}), _plain),),
    "DISTILLATION": (CONVERSATION,),
    "prompts": (replace(CONVERSATION, read=_turn), Format("prompt", frozenset({"prompt"}), _prompt)),
    "REINFORCEMENT_FINE_TUNING": (GRADED,),
    **OPENAI,
}
"""customizationType -> the formats of its data; `prompts` are what a distillation's data is made of."""


# checks ----------------------------------------------------------------------------------------------------------


def _system(line: Row) -> list[Row]:
    return [{"role": "system", "content": text(line, "system")}] if "system" in line else []


def _system_blocks(line: Row) -> list[Row]:
    blocks = line.get("system", [])
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Fault('system is not a list of {"text": ...}')
    return [{"text": text(block, "text")} for block in blocks]


def _tool_specs(config: Any) -> list[Row]:
    tools = config.get("tools", []) if isinstance(config, dict) else None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise Fault("toolConfig has no list of tools")
    specs = [tool.get("toolSpec") for tool in tools]
    for spec in specs:
        if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
            raise Fault("a tool has no toolSpec with a name")
        if not isinstance(spec.get("inputSchema", {}).get("json"), dict):
            raise Fault(f"the tool {spec['name']} has no inputSchema.json")
    return specs  # type: ignore[return-value]


def _check_turn(turn: Any, place: int, tools: set[str]) -> None:
    """One message: the roles take turns, beginning with the user; blocks are text, tool uses and tool results."""
    expected = ("user", "assistant")[place % 2]
    if not isinstance(turn, dict) or turn.get("role") != expected:
        raise Fault(f"message {place + 1} is not the {expected}'s: the roles take turns")
    for block in entries(turn, "content"):
        if not isinstance(block, dict) or len(block) != 1:
            raise Fault(f"message {place + 1} has a block that is not one of text, toolUse, toolResult")
        ((kind, value),) = block.items()
        if kind not in BLOCKS[expected]:
            raise Fault(f"message {place + 1}: {kind} cannot be trained on in the {expected}'s turn")
        BLOCKS[expected][kind](block, value, tools)


def _check_text(block: Row, value: Any, tools: set[str]) -> None:
    text(block, "text")


def _check_use(block: Row, value: Any, tools: set[str]) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("input"), dict):
        raise Fault("a toolUse has no input object")
    text(value, "toolUseId")
    if value.get("name") not in tools:
        raise Fault(f"the tool {value.get('name')!r} is not in toolConfig")


def _check_result(block: Row, value: Any, tools: set[str]) -> None:
    if not isinstance(value, dict):
        raise Fault("a toolResult is not an object")
    text(value, "toolUseId")
    for part in entries(value, "content"):
        if not isinstance(part, dict) or not part.keys() & {"text", "json"}:
            raise Fault("a toolResult's content is neither text nor json")


BLOCKS: dict[str, dict[str, Callable[[Row, Any, set[str]], None]]] = {
    "user": {"text": _check_text, "toolResult": _check_result},
    "assistant": {"text": _check_text, "toolUse": _check_use},
}
"""Role -> content block -> its check."""


def _with_objects(message: Row) -> Row:
    """Arguments of calls as objects: chat templates write them out as JSON themselves."""
    if "tool_calls" not in message:
        return message
    calls = []
    for call in message["tool_calls"]:
        arguments = json.loads(call["function"]["arguments"])
        calls.append({**call, "function": {**call["function"], "arguments": arguments}})
    return {**message, "tool_calls": calls}
