"""What Bedrock asks of a conversation beyond its shape, and what a model must be able to do for it.

Knows nothing of engines. Every rule raises ValidationException, in the words of the real service where those are known.
Sources: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, and answers of the service quoted in
the issues of its clients (langchain-aws, strands-agents, vercel/ai, litellm, dify).

A conversation may end with the assistant: the model then goes on from there, and the answer holds only what is new,
as with Claude.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .errors import ValidationException
from .turn import Block, Message, Turn

if TYPE_CHECKING:
    from .catalog import Model

MEDIA = {"image": "IMAGE", "video": "VIDEO", "audio": "SPEECH"}
"""Content block -> the input modality that a model needs for it."""

UNKNOWN = ("toolAddition", "toolRemoval")
"""Content blocks that no model here can use."""

USERS = frozenset({"toolResult", "image", "document", "video", "audio", "searchResult"})
ASSISTANTS = frozenset({"toolUse", "reasoningContent", "citationsContent"})
"""Content blocks that only one side says."""

NO_CHAT = "This action doesn't support the model that you provided. Try again with a supported text or chat model."

MAX_IMAGES = 20
MAX_DOCUMENTS = 5
DOCUMENT_NAME = re.compile(r"(?!.*  )[A-Za-z0-9_ ()\[\]-]+")
"""The service takes underscores, though its message does not say so."""


def check_task(model: Model) -> None:
    """Raise ValidationException for a model that has no words to answer with."""
    if model.task != "chat":
        raise ValidationException(NO_CHAT)


def check(turn: Turn, model: Model) -> None:
    """Raise ValidationException for a turn that cannot be answered as it stands."""
    messages = turn.get("messages", [])
    _roles(messages)
    _contents(messages)
    _tool_config(turn)
    _tool_results(messages)
    _abilities(turn, model)


def check_documents(turn: Turn) -> None:
    """Raise ValidationException where Converse, unlike other APIs, refuses documents."""
    found = [document for message in turn.get("messages", []) for document in _documents(message)]
    if len(found) > MAX_DOCUMENTS:
        raise ValidationException(f"You can't include more than {MAX_DOCUMENTS} documents in a request.")
    names = [document["name"] for document in found]
    if len(set(names)) < len(names):
        raise ValidationException("Messages can't contain duplicate document names.")
    if not all(map(DOCUMENT_NAME.fullmatch, names)):
        raise ValidationException(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
            "parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. "
            "Check that the file name conforms to these restrictions and retry your request."
        )
    for message in turn.get("messages", []):
        kinds = {kind for block in message["content"] for kind in block}
        if "document" in kinds and "text" not in kinds:
            raise ValidationException(
                "A text block must be included when using documents. Add a text block and retry your request."
            )


def _documents(message: Message) -> Iterator[dict[str, Any]]:
    return (part["document"] for block in message["content"] for part in _parts(block) if "document" in part)


def _parts(block: Block) -> list[Block]:
    """A block and what a tool's result holds."""
    return [block, *block.get("toolResult", {}).get("content", ())]


def _roles(messages: list[Message]) -> None:
    spoken = [message["role"] for message in messages if message["role"] != "system"]
    if not spoken or spoken[0] != "user":
        raise ValidationException(
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message."
        )
    if any(first == second for first, second in pairwise(spoken)):
        raise ValidationException(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
            "between user and assistant roles and try again."
        )


def _contents(messages: list[Message]) -> None:
    for place, message in enumerate(messages):
        if not message["content"]:
            raise ValidationException(
                f"The content field in the Message object at messages.{place} is empty. Add a ContentBlock object to "
                "the content field and try again."
            )
        for index, block in enumerate(message["content"]):
            _content(block, message["role"], f"messages.{place}.content.{index}")


def _content(block: Block, role: str, where: str) -> None:
    if "text" in block and not block["text"].strip():
        raise ValidationException(
            f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, and try again."
        )
    foreign = {"user": ASSISTANTS, "assistant": USERS, "system": ASSISTANTS | USERS}[role] & block.keys()
    if foreign:
        raise ValidationException(f"The {min(foreign)} field at {where} can't be used in a message of the {role} role.")
    if "toolUse" in block:
        _object(block["toolUse"]["input"], f"{where}.toolUse.input")
    if "toolResult" in block:
        _tool_result(block["toolResult"], f"{where}.toolResult")


def _tool_result(result: dict[str, Any], where: str) -> None:
    if result.get("status") == "error" and not result["content"]:
        raise ValidationException(f"The content field at {where} cannot be empty when status value is error.")
    for index, part in enumerate(result["content"]):
        if "json" in part:
            _object(part["json"], f"{where}.content.{index}.json")


def _object(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise ValidationException(
            f"The format of the value at {where} is invalid. Provide a json object for the field and try again."
        )


def _tool_config(turn: Turn) -> None:
    config = turn.get("toolConfig")
    blocks = (block for message in turn.get("messages", []) for block in message["content"])
    if not config and any("toolUse" in block or "toolResult" in block for block in blocks):
        raise ValidationException(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    tools = (config or {}).get("tools", [])
    names = [_tool_name(tool["toolSpec"], place) for place, tool in enumerate(tools) if "toolSpec" in tool]
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise ValidationException(f"The tool {twice} is defined more than once at toolConfig.tools.")
    chosen = (config or {}).get("toolChoice", {}).get("tool", {}).get("name")
    if chosen is not None and chosen not in names:
        raise ValidationException(f"The tool {chosen} at toolConfig.toolChoice is not defined at toolConfig.tools.")


def _tool_name(spec: dict[str, Any], place: int) -> str:
    where = f"toolConfig.tools.{place}.toolSpec.inputSchema.json"
    schema = spec["inputSchema"].get("json", {})
    _object(schema, where)
    if schema.get("type", "object") != "object":
        raise ValidationException(f"The value at {where}.type must be one of the following: object.")
    return spec["name"]


def _tool_results(messages: list[Message]) -> None:
    """Every toolUse is answered by a toolResult in the very next message, and nothing else is."""
    asked: list[str] = []
    for place, message in enumerate(messages):
        given = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        _answered(asked, given, place)
        asked = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
    _answered(asked, [], len(messages))


def _answered(asked: list[str], given: list[str], place: int) -> None:
    answered = set(given)
    if missing := [use for use in asked if use not in answered]:
        raise ValidationException(
            f"Expected toolResult blocks at messages.{place}.content for the following Ids: {', '.join(missing)}"
        )
    if len(given) > len(asked) or answered - set(asked):
        raise ValidationException(
            f"The number of toolResult blocks at messages.{place}.content exceeds the number of toolUse blocks of "
            "previous turn."
        )


def _abilities(turn: Turn, model: Model) -> None:
    if turn.get("toolConfig") and not model.tools:
        raise ValidationException("This model doesn't support tool use.")
    if any("systemTool" in tool for tool in turn.get("toolConfig", {}).get("tools", [])):
        raise ValidationException("This model doesn't support the systemTool field. Remove systemTool and try again.")
    if turn.get("system") and not model.system:
        raise ValidationException("This model doesn't support system messages. Try again without a system message.")
    parts = [part for message in turn.get("messages", []) for block in message["content"] for part in _parts(block)]
    unable = [kind for kind, need in MEDIA.items() if need not in model.input_modalities]
    for kind in (*unable, *UNKNOWN):
        if any(kind in part for part in parts):
            raise ValidationException(
                f"This model doesn't support the {kind} field for user messages. Remove {kind} and try again."
            )
    if sum("image" in part for part in parts) > MAX_IMAGES:
        raise ValidationException(f"You can't include more than {MAX_IMAGES} images in a request.")
