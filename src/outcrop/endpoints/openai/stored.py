"""Responses that are kept: what they were asked, what they answered, and the conversation behind them.

Knows nothing of models or of HTTP. A record is {response, input, events?, runner?, beat?}: `events` of one that was
answered in the background, `runner` and `beat` while it is being answered (runs.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from ...call import Call
from ...dialects.openai_parts import fault
from ...errors import ResourceNotFoundException

KIND = "openai.response"
Record = dict[str, Any]
Items = list[dict[str, Any]]

LONGEST_CHAIN = 1000
"""Responses that one may follow on."""

PREFIXES = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}
_ITEM_ID = re.compile(r"(?:msg|rs|fc|fco|item)_([0-9a-f]{32})i?[0-9a-f]{4,6}")


async def keep(call: Call, record: Record) -> None:
    await call.services.resources.create(KIND, record["response"]["id"], record)


async def found(call: Call, id: str) -> Record:
    """The record of a response. ResourceNotFoundException in OpenAI's words."""
    try:
        return (await call.services.resources.get(KIND, id)).body
    except ResourceNotFoundException as error:
        raise _absent(id) from error


async def change(call: Call, id: str, edit: Callable[[Record], Record]) -> Record:
    try:
        return (await call.services.resources.change(KIND, id, edit)).body
    except ResourceNotFoundException as error:
        raise _absent(id) from error


async def delete(call: Call, id: str) -> None:
    try:
        await call.services.resources.delete(KIND, id)
    except ResourceNotFoundException as error:
        raise _absent(id) from error


def _absent(id: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Response with id '{id[:200]}' not found.")


def record(response: dict[str, Any], items: Items, **more: Any) -> Record:
    """What to keep of a response; input items get the ids by which they can be listed."""
    mark = response["id"].removeprefix("resp_")
    named = [{"id": f"{_prefix(item)}_{mark}i{place:04x}", **item} for place, item in enumerate(items)]
    return {"response": response, "input": named, **more}


def _prefix(item: dict[str, Any]) -> str:
    return PREFIXES.get(item.get("type") or "message", "item")


async def earlier(call: Call, id: Any) -> Items:
    """All items of the conversation up to and with a response, the oldest first; none where there is no `id`.

    Raises ValidationException where it, or one that it follows on, is not there or not complete.
    """
    chain: list[Items] = []
    while id is not None:
        previous = await _previous(call, id)
        chain.append([*previous["input"], *filter(_whole, previous["response"]["output"])])
        id = previous["response"]["previous_response_id"]
        if len(chain) > LONGEST_CHAIN:
            raise fault(f"#: previous_response_id: more than {LONGEST_CHAIN} responses", "previous_response_id")
    return [item for items in reversed(chain) for item in items]


async def _previous(call: Call, id: Any) -> Record:
    try:
        previous = await found(call, id if isinstance(id, str) else repr(id))
    except ResourceNotFoundException as error:
        missing = fault(f"#: Previous response with id '{str(id)[:200]}' not found.", "previous_response_id")
        missing.members["code"] = "previous_response_not_found"
        raise missing from error
    if previous["response"]["status"] not in ("completed", "incomplete"):
        raise fault(f"#: The previous response {id} is not complete.", "previous_response_id")
    return previous


def _whole(item: dict[str, Any]) -> bool:
    """Whether an item can be said again: a call that was cut off in the middle of its arguments cannot."""
    return item["type"] != "function_call" or item["status"] == "completed"


async def resolved(call: Call, items: Items) -> Items:
    """The items with each item_reference replaced by the item that it names: together as large as a request may be,
    since a thousand references can name one file."""
    left = call.services.settings.max_body_mib << 20
    whole: Items = []
    for item in items:
        if item.get("type") == "item_reference":
            item = await _resolved(call, item)
            left -= len(orjson.dumps(item))
            if left < 0:
                raise fault("#: input: the items that are referred to are larger than a request may be", "input")
        whole.append(item)
    return whole


async def _resolved(call: Call, item: dict[str, Any]) -> dict[str, Any]:
    """The item of a stored response, of its output or its own input, that a reference names."""
    id = item.get("id")
    place = _ITEM_ID.fullmatch(id) if isinstance(id, str) else None
    if place is not None:
        kept = await found(call, f"resp_{place[1]}")
        for one in (*kept["response"]["output"], *kept["input"]):
            if one["id"] == id:
                return one
    raise ResourceNotFoundException(f"Item with id '{str(id)[:200]}' not found.", param="input")
