"""A prompt that is one string in a family's own template, read back into turns.

Is no dialect and knows none: a template is a row of data. What is not in the template is one message of the user, so
that a plain question works everywhere; the model that answers brings a template of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..turn import Message


@dataclass(frozen=True, slots=True)
class Template:
    """How a conversation is written down as one string.

    `marks` has one group, the word that tells who speaks from there on; `roles` maps it to system, user or assistant.
    `noise` are tokens that only frame. `opening` is the role of text before the first mark, which may have none.
    """

    marks: re.Pattern[str]
    roles: dict[str, str]
    noise: re.Pattern[str] = re.compile(r"(?!)")
    opening: str | None = None


def parsed(prompt: str, template: Template) -> dict[str, Any]:
    """`messages`, and `system` where the prompt has one. An empty turn of the assistant at the end is the template's
    own invitation to answer; one with words is the beginning of the answer."""
    opening, *rest = template.marks.split(template.noise.sub("", prompt))
    spoken = [(template.roles.get(mark), text.strip()) for mark, text in zip(rest[::2], rest[1::2], strict=True)]
    spoken.insert(0, (template.opening, opening.strip()))
    return _turn([(role, text) for role, text in spoken if text]) or {"messages": [user(prompt)]}


def user(text: str) -> Message:
    return {"role": "user", "content": [{"text": text}]}


def _turn(spoken: list[tuple[str | None, str]]) -> dict[str, Any] | None:
    """None for what is no conversation: words of nobody's, or not begun by the user."""
    messages: list[Message] = []
    system = [{"text": text} for role, text in spoken if role == "system"]
    for role, text in spoken:
        if role is None:
            return None
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].append({"text": text})
        elif role != "system":
            messages.append({"role": role, "content": [{"text": text}]})
    if not messages or messages[0]["role"] != "user":
        return None
    return {"messages": messages, **({"system": system} if system else {})}
