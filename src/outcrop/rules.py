"""What Bedrock asks of a conversation beyond its shape, and what a model must be able to do for it.

Knows nothing of engines. Every rule raises ValidationException in the words of the real service.
Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and answers of the service.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from .catalog import Model
from .errors import ValidationException
from .turn import Block, Message, Turn

MEDIA = {"image": "IMAGE", "video": "VIDEO", "audio": "SPEECH"}
"""Content block -> the input modality that a model needs for it."""


def check(turn: Turn, model: Model) -> None:
    """Raise ValidationException for a turn that cannot be answered as it stands."""
    messages = turn.get("messages", [])
    _roles(messages)
    _blank_text(turn)
    _tool_use(turn, messages)
    _tool_results(messages)
    _abilities(turn, model)


def _roles(messages: list[Message]) -> None:
    if not messages or messages[0]["role"] != "user":
        raise ValidationException(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message."
        )
    if any(first["role"] == second["role"] for first, second in pairwise(messages)):
        raise ValidationException(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
            "between user and assistant roles and try again."
        )
    for place, message in enumerate(messages):
        if not message.get("content"):
            raise ValidationException(
                f"The content field in the Message object at messages.{place} is empty. Add a ContentBlock object to "
                "the content field and try again."
            )


def _blank_text(turn: Turn) -> None:
    for where, block in _blocks(turn):
        if "text" in block and not block["text"].strip():
            raise ValidationException(
                f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, and try again."
            )


def _blocks(turn: Turn) -> Iterator[tuple[str, Block]]:
    for place, message in enumerate(turn.get("messages", [])):
        for index, block in enumerate(message["content"]):
            yield f"messages.{place}.content.{index}", block


def _tool_use(turn: Turn, messages: list[Message]) -> None:
    config = turn.get("toolConfig")
    used = any("toolUse" in block or "toolResult" in block for _, block in _blocks(turn))
    if used and not config:
        raise ValidationException(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    names = [tool["toolSpec"]["name"] for tool in (config or {}).get("tools", []) if "toolSpec" in tool]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationException(f"The tool name {twice[0]} is used more than once in toolConfig.tools.")
    chosen = (config or {}).get("toolChoice", {}).get("tool", {}).get("name")
    if chosen is not None and chosen not in names:
        raise ValidationException(f"The toolChoice names the tool {chosen}, which is not in toolConfig.tools.")


def _tool_results(messages: list[Message]) -> None:
    """Every toolUse is answered by a toolResult in the very next message, and nothing else is."""
    asked: set[str] = set()
    for place, message in enumerate(messages):
        given = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        if missing := asked - set(given):
            raise ValidationException(
                f"Expected toolResult blocks at messages.{place}.content for the following Ids: "
                f"{', '.join(sorted(missing))}"
            )
        if len(given) > len(asked) or set(given) - asked:
            raise ValidationException(
                f"The number of toolResult blocks at messages.{place}.content exceeds the number of toolUse blocks of "
                "previous turn."
            )
        asked = {block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block}


def _abilities(turn: Turn, model: Model) -> None:
    if turn.get("toolConfig") and not model.tools:
        raise _unable("tool use")
    if turn.get("system") and not model.system:
        raise _unable("system prompts")
    for where, block in _blocks(turn):
        inner = block.get("toolResult", {}).get("content", [])
        for part in (block, *inner):
            if unseen := [kind for kind, need in MEDIA.items() if kind in part and need not in model.input_modalities]:
                raise _unable(f"{unseen[0]} input", f" Remove the {unseen[0]} block at {where} and try again.")


def _unable(what: str, advice: str = "") -> ValidationException:
    return ValidationException(f"This model doesn't support {what}.{advice or ' Try again with another model.'}")
