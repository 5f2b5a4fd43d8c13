"""Anthropic's own API at /anthropic/v1: messages, count_tokens and models, with its errors and its events.

Knows nothing of the body of a message: `dialects.anthropic` does, for InvokeModel, too.
Source: docs.claude.com/en/api/ messages, messages-streaming, messages-count-tokens, models-list, errors;
docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html (the bedrock-mantle endpoint).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import orjson

from .. import errors
from ..call import Call, Identity
from ..catalog import UNKNOWN, Model
from ..checking import checked
from ..dialects import anthropic
from ..errors import OperationNotImplementedException, ResourceNotFoundException, ServiceError, ValidationException
from ..turn import Turn
from ..wire.errors import RequestEntityTooLargeException, RequestTimeoutException
from ..wire.sigv4 import SignedRequest
from .door import Answer, Door, Events, Manner, Request, Route
from .recorded import recorded

if TYPE_CHECKING:
    from ..services import Services

PREFIXES = ("/anthropic/v1",)
PAGE = 20
LARGEST_PAGE = 1000
UNDATED = "1970-01-01T00:00:00Z"
"""What the API says of a model whose day of release is not known."""

LONGEST_OF_CONVERSE = 64
LONG_NAME = re.compile(r"[a-zA-Z0-9_-]{65,128}")
"""Characters of a tool's name in Converse, and a name that is longer and that Anthropic's API takes: clients make them
up of the names of servers and tools."""

REFUSED = {
    "container": "Outcrop runs no code in containers.",
    "context_management": "Outcrop does not edit a conversation's context.",
    "diagnostics": "Outcrop does not diagnose prompt caches.",
    "inference_geo": "Outcrop runs where you run it.",
    "mcp_servers": "Outcrop does not connect to MCP servers; define their tools in tools.",
    "speed": "Outcrop has one speed.",
    "thread": "Outcrop holds no conversations; the SDK's tool runner sends them whole with thread=False.",
}
"""Keys of a body that ask for what only Anthropic's own servers do; null asks for nothing."""

PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def anthropic_door(services: Services, authenticate: Callable[[SignedRequest], Awaitable[Identity]]) -> Door:
    return Door(services, authenticate, PREFIXES, ROUTES, MANNER)


# messages --------------------------------------------------------------------------------------------------------


@recorded
async def create_message(call: Call, request: Request) -> Answer | Events:
    """https://docs.claude.com/en/api/messages"""
    body = request.json()
    streamed = body.get("stream") or False
    if not isinstance(streamed, bool):
        raise ValidationException("stream: Input should be a valid boolean")
    model_id, turn = await _asked(call, body, anthropic.MESSAGES)
    if streamed:
        deltas = call.services.inference.deltas(call, model_id, turn)
        return Events(_frames(anthropic.stream(deltas, model_id)))
    answer = await call.services.inference.gathered(call, model_id, turn)
    return Answer(anthropic.write(answer.reply(cut=True), model_id))


async def count_tokens(call: Call, request: Request) -> Answer:
    """https://docs.claude.com/en/api/messages-count-tokens"""
    model_id, turn = await _asked(call, request.json(), anthropic.COUNT)
    return Answer({"input_tokens": await call.services.inference.count(call, model_id, turn)})


async def _asked(call: Call, body: dict[str, Any], form: anthropic.Form) -> tuple[str, Turn]:
    """The name of the model and the turn that a body asks for."""
    for key in REFUSED.keys() & body.keys():
        if body.pop(key) is not None:
            raise ValidationException(f"{key}: {REFUSED[key]}")
    turn = _checked(anthropic.read(body, form))
    if not isinstance(model_id := body["model"], str):
        raise ValidationException("model: Input should be a valid string")
    await _model(call, model_id)
    return model_id, turn


def _checked(asked: dict[str, Any]) -> Turn:
    """A turn from its JSON, checked as a request of Converse is, but for the names of tools: they may be longer."""
    names = [tool["name"] for tool in _tools(asked)]
    for tool in _tools(asked):
        if isinstance(tool["name"], str) and LONG_NAME.fullmatch(tool["name"]):
            tool["name"] = tool["name"][:LONGEST_OF_CONVERSE]
    turn = checked(asked)
    for tool, name in zip(_tools(turn), names, strict=True):
        tool["name"] = name
    return turn


def _tools(turn: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Whatever in a turn has the name of a tool: definitions, the choice, calls."""
    config = turn.get("toolConfig", {})
    yield from (tool["toolSpec"] for tool in config.get("tools", ()) if "toolSpec" in tool)
    yield from (chosen for kind, chosen in config.get("toolChoice", {}).items() if kind == "tool")
    for message in turn["messages"]:
        yield from (block["toolUse"] for block in message["content"] if "toolUse" in block)


async def _model(call: Call, model_id: str) -> Model:
    """The model of a name, in the API's own words where there is none."""
    try:
        return await call.services.catalog.resolve(model_id)
    except ValidationException as error:
        raise ResourceNotFoundException(f"model: {model_id}" if error.message == UNKNOWN else error.message) from None


async def _frames(events: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[bytes, None]:
    """The events as server-sent events, with a ping after the first block has begun, as Anthropic sends it."""
    pinged = False
    async with aclosing(events):
        async for event in events:
            yield _frame(event)
            if not pinged and event["type"] == "content_block_start":
                pinged = True
                yield PING


def _frame(event: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))


async def batches(call: Call, request: Request) -> Answer:
    """Not built (docs/anthropic.md): a route of its own, so that the answer names what is missing."""
    raise OperationNotImplementedException("Outcrop does not implement message batches yet.")


# models ----------------------------------------------------------------------------------------------------------


async def list_models(call: Call, request: Request) -> Answer:
    """https://docs.claude.com/en/api/models-list"""
    listed = [_info(model, model.id) for model in await call.services.catalog.list() if model.task == "chat"]
    known = {info["id"]: info for info in listed}
    for alias, model_id in (await call.services.catalog.aliases()).items():
        if model_id in known:
            listed.append({**known[model_id], "id": alias})
    return Answer(_page(listed, request.query))


async def get_model(call: Call, request: Request) -> Answer:
    """https://docs.claude.com/en/api/models; an alias is answered with the id it stands for."""
    model = await _model(call, request.params["id"])
    return Answer(_info(model, model.id))


def _info(model: Model, name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": model.name,
        "created_at": UNDATED,
        "lifecycle": "active",
        "max_input_tokens": model.context_length,
        "max_tokens": model.context_length,
    }


def _page(listed: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    """The page right after `after_id` or right before `before_id`; has_more says whether there is more that way."""
    limit, ids = _limit(query.get("limit", str(PAGE))), [info["id"] for info in listed]
    if "before_id" in query:
        end = _place(ids, query["before_id"], "before_id")
        start = max(0, end - limit)
        more = start > 0
    else:
        start = _place(ids, query["after_id"], "after_id") + 1 if "after_id" in query else 0
        end = min(len(ids), start + limit)
        more = end < len(ids)
    page = ids[start:end]
    first, last = (page[0], page[-1]) if page else (None, None)
    return {"data": listed[start:end], "has_more": more, "first_id": first, "last_id": last}


def _limit(value: str) -> int:
    if not (value.isdecimal() and len(value) < 5 and 1 <= int(value) <= LARGEST_PAGE):
        raise ValidationException(f"limit: Input should be a number from 1 to {LARGEST_PAGE}")
    return int(value)


def _place(ids: list[str], cursor: str, name: str) -> int:
    if cursor not in ids:
        raise ValidationException(f"{name}: no model of this id is listed")
    return ids.index(cursor)


# errors ----------------------------------------------------------------------------------------------------------

KINDS: dict[type[ServiceError], tuple[int | None, str]] = {
    RequestEntityTooLargeException: (413, "request_too_large"),
    RequestTimeoutException: (408, "invalid_request_error"),
    ValidationException: (None, "invalid_request_error"),
    errors.IncompleteSignatureException: (401, "authentication_error"),
    errors.InvalidSignatureException: (401, "authentication_error"),
    errors.ExpiredTokenException: (401, "authentication_error"),
    errors.MissingAuthenticationTokenException: (401, "authentication_error"),
    errors.UnknownApiKeyException: (401, "authentication_error"),
    errors.UnrecognizedClientException: (401, "authentication_error"),
    errors.AccessDeniedException: (403, "permission_error"),
    ResourceNotFoundException: (404, "not_found_error"),
    OperationNotImplementedException: (501, "api_error"),
    errors.UnknownOperationException: (404, "not_found_error"),
    errors.ThrottlingException: (429, "rate_limit_error"),
    errors.ModelNotReadyException: (529, "overloaded_error"),
    errors.ServiceUnavailableException: (529, "overloaded_error"),
    errors.ModelTimeoutException: (504, "timeout_error"),
    ServiceError: (500, "api_error"),
}
"""Kind of an error -> status (None: its own) and type. The nearest kind counts."""

OURS = re.compile(r"Malformed input request: (?:#: )?(.*), please reformat your input and try again\.", re.DOTALL)
THEIRS = (
    (re.compile(r"required key \[(.+)\] not found"), r"\1: Field required"),
    (re.compile(r"extraneous key \[(.+)\] is not permitted"), r"\1: Extra inputs are not permitted"),
)
"""What Bedrock says of a body -> what Anthropic says of it."""


def _error(error: ServiceError, call: Call) -> tuple[int, dict[str, Any]]:
    status, kind = next(KINDS[base] for base in type(error).__mro__ if base in KINDS)
    told = {"type": kind, "message": _worded(error.message)}
    return status or error.status, {"type": "error", "error": told, "request_id": call.request_id}


def _worded(message: str) -> str:
    """A message in the names of the API's own body."""
    bare = OURS.fullmatch(message)
    text = bare[1] if bare else message
    for key, place in anthropic.KEYS.items():
        text = text.replace(".".join(place), key)
    for ours, theirs in THEIRS:
        text = ours.sub(theirs, text)
    return text


def _fail(error: ServiceError, call: Call) -> bytes:
    return _frame(_error(error, call)[1])


MANNER = Manner("anthropic", _error, _fail, "request-id")

ROUTES = (
    Route("POST", "/messages", create_message, "CreateMessage"),
    Route("POST", "/messages/count_tokens", count_tokens, "CountMessageTokens"),
    Route("GET", "/models", list_models, "ListModels"),
    Route("GET", "/models/{id}", get_model, "GetModel"),
    Route("POST", "/messages/batches", batches, "CreateMessageBatch"),
    Route("GET", "/messages/batches", batches, "ListMessageBatches"),
    Route("GET", "/messages/batches/{id}", batches, "GetMessageBatch"),
    Route("DELETE", "/messages/batches/{id}", batches, "DeleteMessageBatch"),
    Route("POST", "/messages/batches/{id}/cancel", batches, "CancelMessageBatch"),
    Route("GET", "/messages/batches/{id}/results", batches, "GetMessageBatchResults"),
)
