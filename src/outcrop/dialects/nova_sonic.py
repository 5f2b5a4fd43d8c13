"""Nova Sonic's session of events, for text: what comes in, read into turns. `nova_sonic_answers` writes what goes out.

Pure: knows nothing of HTTP, of engines or of waiting.
Source: docs.aws.amazon.com/nova/latest/nova2-userguide/ sonic-input-events, sonic-output-events, sonic-cross-modal and
userguide/speech-tools-choice.

A session holds prompts, each a conversation of its own; a prompt holds contents, each begun, filled and ended. Text of
the user that is `interactive` is answered as soon as its content ends, all other text is history. A call of a tool ends
an answer; the answer goes on when the results of all calls are in. What is said meanwhile is answered after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from .. import ids
from ..errors import ValidationException
from ..turn import Block, Message

MAX_PROMPTS = 16
"""Prompts that one session may hold: each may have an answer under way."""

INFERENCE = frozenset({"maxTokens", "topP", "temperature"})
ROLES = {"TEXT": frozenset({"SYSTEM", "USER", "ASSISTANT", "SYSTEM_SPEECH"}), "TOOL": frozenset({"TOOL"})}
"""Type of a content -> who may say it. SYSTEM_SPEECH says how speech is written down: nothing, where there is none."""

NO_SPEECH = "This model neither takes nor gives speech: "

Members = dict[str, Any]
"""The members of one event."""


class Session:
    """The events of one connection, taken in one by one."""

    def __init__(self) -> None:
        self.id = ids.uuid()
        self.prompts: dict[str, Prompt] = {}
        self.inference: dict[str, Any] | None = None
        self.ended = False
        self.input_tokens, self.output_tokens = 0, 0
        self.news: list[dict[str, Any]] = []
        """Events that are to go out before any answer; whoever sends them takes them away."""

    def take(self, chunk: dict[str, Any]) -> Prompt | None:
        """Take in one event; the prompt that may have something to answer now. Raises ValidationException."""
        name, event = _event(chunk)
        if self.ended:
            raise ValidationException(f"The event {name} came after sessionEnd.")
        if (self.inference is None) != (name == "sessionStart"):
            raise ValidationException("A session begins with one sessionStart event.")
        return EVENTS[name](self, event)

    def _start(self, event: Members) -> None:
        given = _member(event, "inferenceConfiguration", dict, {})
        if unknown := given.keys() - INFERENCE:
            raise ValidationException(f"inferenceConfiguration: {min(unknown)} is not one of {_listed(INFERENCE)}.")
        self.inference = given

    def _start_prompt(self, event: Members) -> None:
        if "audioOutputConfiguration" in event:
            raise ValidationException(f"{NO_SPEECH}leave audioOutputConfiguration out of promptStart.")
        name = _member(event, "promptName", str)
        if name in self.prompts:
            raise ValidationException(f"The promptName {name} has been used in this session already.")
        if len(self.prompts) == MAX_PROMPTS:
            raise ValidationException(f"A session holds {MAX_PROMPTS} prompts at most.")
        self.prompts[name] = prompt = Prompt(self, name, _tool_config(event))
        self.news.append({"event": prompt.usage(0, 0)})

    def _prompt(self, event: Members) -> Prompt:
        name = _member(event, "promptName", str)
        if name not in self.prompts or self.prompts[name].ended:
            raise ValidationException(f"No prompt named {name} is open: begin it with promptStart.")
        return self.prompts[name]

    def _end(self, event: Members) -> None:
        self.ended = True


class Content:
    """One content while its events come in."""

    def __init__(self, event: Members) -> None:
        self.type = _member(event, "type", str)
        if self.type == "AUDIO":
            raise ValidationException(f"{NO_SPEECH}send contents of type TEXT.")
        if self.type not in ROLES:
            raise ValidationException(f"contentStart.type: {self.type} is not one of AUDIO, TEXT, TOOL.")
        self.role = _member(event, "role", str)
        if self.role not in ROLES[self.type]:
            raise ValidationException(
                f"contentStart.role: a content of type {self.type} has one of the roles {_listed(ROLES[self.type])}."
            )
        self.interactive = _member(event, "interactive", bool, False)
        tool = _member(event, "toolResultInputConfiguration", dict, {})
        self.tool_use_id = _member(tool, "toolUseId", str) if self.type == "TOOL" else ""
        self.failed = False
        self.text: list[str] = []

    @property
    def said(self) -> str:
        return "".join(self.text)


class Prompt:
    """One conversation."""

    def __init__(self, session: Session, name: str, tools: dict[str, Any] | None) -> None:
        self.session, self.name, self.tools = session, name, tools
        self.contents: dict[str, Content | None] = {}
        """By name: those under way, and None for those that have ended."""
        self.system: list[Block] = []
        self.messages: list[Message] = []
        self.asked: dict[str, Block | None] = {}
        """toolUseId -> its result, None until it is in; empty unless the last answer called tools."""
        self.waiting: deque[str] = deque()
        """What the user said and nobody has answered."""
        self.begun, self.ended = False, False
        self.completion, self.answering = ids.uuid(), False
        """Id of the answer under way, or of the next one; an answer spans the calls of tools."""

    def next_turn(self) -> dict[str, Any] | None:
        """The JSON of the turn that is due, which counts as asked from now on; None while it is the client's move."""
        if None in self.asked.values() or not (self.asked or self.waiting):
            return None
        results = list(self.asked.values())
        heard = len(self.waiting) if results else 1
        self._say("user", [*filter(None, results), *({"text": self.waiting.popleft()} for _ in range(heard))])
        self.asked = {}
        return self._turn(again=bool(results))

    def _turn(self, again: bool) -> dict[str, Any]:
        """A demand for a tool holds for the beginning of an answer, not for how it goes on after the result."""
        turn: dict[str, Any] = {"messages": self.messages, "inferenceConfig": self.session.inference}
        if self.system:
            turn["system"] = self.system
        if self.tools:
            turn["toolConfig"] = {**self.tools, "toolChoice": {"auto": {}}} if again else self.tools
        return turn

    def heard(self, said: list[Block]) -> None:
        """Keep what the model answered, and which results it waits for."""
        self.asked = {block["toolUse"]["toolUseId"]: None for block in said if "toolUse" in block}
        if kept := [block for block in said if "toolUse" in block or block["text"].strip()]:
            self._say("assistant", kept)

    def _say(self, role: str, content: list[Block]) -> None:
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += content
        else:
            self.messages.append({"role": role, "content": content})

    def event(self, name: str, **members: Any) -> dict[str, Any]:
        """One event that goes out."""
        ids = {"sessionId": self.session.id, "promptName": self.name, "completionId": self.completion}
        return {name: {**ids, **members}}

    def usage(self, input_tokens: int, output_tokens: int) -> dict[str, Any]:
        """The usageEvent for so many tokens more. A prompt begins with one, as on AWS, where SDKs wait for it."""
        session = self.session
        session.input_tokens += input_tokens
        session.output_tokens += output_tokens
        total = session.input_tokens, session.output_tokens
        details = {"delta": _counts(input_tokens, output_tokens), "total": _counts(*total)}
        sums = {"totalInputTokens": total[0], "totalOutputTokens": total[1], "totalTokens": sum(total)}
        return self.event("usageEvent", details=details, **sums)

    def begin(self) -> list[dict[str, Any]]:
        """The answer begins, unless it goes on after a tool's result."""
        begun = [] if self.answering else [self.event("completionStart")]
        self.answering = True
        return begun

    def complete(self) -> list[dict[str, Any]]:
        """The answer ends, unless it waits for a tool's result."""
        if self.asked:
            return []
        ended = self.event("completionEnd", stopReason="END_TURN")
        self.completion, self.answering = ids.uuid(), False
        return [ended]

    def start(self, event: Members) -> None:
        name = _member(event, "contentName", str)
        if name in self.contents:
            raise ValidationException(f"The contentName {name} has been used in this prompt already.")
        self.contents[name] = Content(event)

    def fill(self, event: Members, kind: str) -> None:
        content = self._open(event)
        if content.type != kind:
            raise ValidationException(f"The content {event['contentName']} is of type {content.type}, not {kind}.")
        content.failed = event.get("status") == "error"
        content.text.append(_member(event, "content", str))

    def _open(self, event: Members) -> Content:
        name = _member(event, "contentName", str)
        content = self.contents.get(name)
        if content is None:
            raise ValidationException(f"No content named {name} is open: begin it with contentStart.")
        return content

    def finish(self, event: Members) -> None:
        content = self._open(event)
        self.contents[event["contentName"]] = None
        ENDS[content.role](self, content)

    def end(self) -> None:
        if left := [name for name, content in self.contents.items() if content is not None]:
            raise ValidationException(f"The content {left[0]} is still open: end it with contentEnd before promptEnd.")
        self.ended = True

    def _system(self, content: Content) -> None:
        self._early("SYSTEM")
        if self.system:
            raise ValidationException("A prompt has one SYSTEM content at most.")
        self.system = [{"text": content.said}]

    def _user(self, content: Content) -> None:
        if not content.said.strip():
            raise ValidationException("The text of the USER content is blank.")
        if content.interactive:
            self.begun = True
            self.waiting.append(content.said)
        else:
            self._early("USER")
            self._say("user", [{"text": content.said}])

    def _assistant(self, content: Content) -> None:
        self._early("ASSISTANT")
        self._say("assistant", [{"text": content.said}])

    def _early(self, role: str) -> None:
        if self.begun:
            raise ValidationException(
                f"{role} text that is not interactive is history, and history comes before the user's first turn."
            )

    def _tool(self, content: Content) -> None:
        if content.tool_use_id not in self.asked or self.asked[content.tool_use_id] is not None:
            raise ValidationException(f"No result is awaited for the toolUseId {content.tool_use_id}.")
        status = {"status": "error"} if content.failed else {}
        self.asked[content.tool_use_id] = {
            "toolResult": {"toolUseId": content.tool_use_id, "content": [_result(content.said)], **status}
        }


ENDS: dict[str, Callable[[Prompt, Content], None]] = {
    "SYSTEM": Prompt._system,
    "USER": Prompt._user,
    "ASSISTANT": Prompt._assistant,
    "TOOL": Prompt._tool,
    "SYSTEM_SPEECH": lambda prompt, content: None,
}
"""Role of a content -> what becomes of it when it ends."""


def _filled(kind: str) -> Callable[[Session, Members], None]:
    return lambda session, event: session._prompt(event).fill(event, kind)


def _no_speech(session: Session, event: Members) -> None:
    raise ValidationException(f"{NO_SPEECH}send textInput.")


def _finished(session: Session, event: Members) -> Prompt:
    prompt = session._prompt(event)
    prompt.finish(event)
    return prompt


EVENTS: dict[str, Callable[[Session, Members], Prompt | None]] = {
    "sessionStart": Session._start,
    "promptStart": Session._start_prompt,
    "contentStart": lambda session, event: session._prompt(event).start(event),
    "textInput": _filled("TEXT"),
    "audioInput": _no_speech,
    "toolResult": _filled("TOOL"),
    "contentEnd": _finished,
    "promptEnd": lambda session, event: session._prompt(event).end(),
    "sessionEnd": Session._end,
}
"""Event -> how it is taken in."""


def _event(chunk: dict[str, Any]) -> tuple[str, Members]:
    """The name and the members of the one event that a chunk holds."""
    try:
        ((name, members),) = chunk["event"].items()
    except (ValueError, KeyError, AttributeError):
        raise ValidationException('A chunk holds JSON of the form {"event": {NAME: {...}}}.') from None
    if name not in EVENTS or not isinstance(members, dict):
        raise ValidationException(f"{name[:64]!r} is no event of a session: {_listed(EVENTS)}.")
    return name, members


def _member(members: Members, name: str, kind: type, *otherwise: Any) -> Any:
    """A member of the type `kind`. Raises ValidationException where it is another, or missing without `otherwise`."""
    if name not in members and otherwise:
        return otherwise[0]
    if not isinstance(members.get(name), kind):
        raise ValidationException(f"{name} is missing or not of the type {TYPES[kind]}.")
    return members[name]


TYPES = {str: "string", dict: "object", bool: "boolean", list: "array"}


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))


def _tool_config(event: Members) -> dict[str, Any] | None:
    """toolConfiguration as Converse's toolConfig; the schema of a tool is a string here."""
    config = _member(event, "toolConfiguration", dict, {})
    tools = _member(config, "tools", list, [])
    if not tools:
        return None
    choice = {"toolChoice": config["toolChoice"]} if config.get("toolChoice") else {}
    return {"tools": [_tool(tool) for tool in tools], **choice}


def _tool(tool: Any) -> dict[str, Any]:
    spec = _member(tool if isinstance(tool, dict) else {}, "toolSpec", dict)
    schema = _member(spec, "inputSchema", dict).get("json", {})
    try:
        read = orjson.loads(schema) if isinstance(schema, str) else schema
    except orjson.JSONDecodeError:
        raise ValidationException("toolSpec.inputSchema.json is no JSON.") from None
    return {"toolSpec": {**spec, "inputSchema": {"json": read}}}


def _result(text: str) -> Block:
    """A tool's result: the JSON object that the text is, or else the text."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return {"json": value} if isinstance(value, dict) else {"text": text}


def _counts(input_tokens: int, output_tokens: int) -> dict[str, Any]:
    return {
        "input": {"speechTokens": 0, "textTokens": input_tokens},
        "output": {"speechTokens": 0, "textTokens": output_tokens},
    }
