"""Lists in pages, as OpenAI's API gives them.

Knows nothing of what is listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...dialects.openai_parts import fault


def page(items: Sequence[dict[str, Any]], query: Mapping[str, str], most: int, usual: int) -> dict[str, Any]:
    """The page of `items` (the oldest first, each with an `id`) that `query` asks for: order, after, limit."""
    order = query.get("order") or "desc"
    if order not in ("asc", "desc"):
        raise fault("#: order: expected one of asc, desc", "order")
    listed = list(items) if order == "asc" else [*reversed(items)]
    begin = _after(listed, query["after"]) if query.get("after") else 0
    limit = _limit(query.get("limit") or str(usual), most)
    data = listed[begin : begin + limit]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(listed) > begin + limit,
    }


def _after(listed: Sequence[dict[str, Any]], id: str) -> int:
    place = next((place for place, item in enumerate(listed) if item["id"] == id), None)
    if place is None:
        raise fault("#: after: there is no such item in this list", "after")
    return place + 1


def is_number(given: str) -> bool:
    """Whether a text is a whole number of at most nine digits: more than anything here may be, and quick to read."""
    return given.isascii() and given.isdecimal() and len(given) <= 9


def _limit(given: str, most: int) -> int:
    if not is_number(given) or not 1 <= int(given) <= most:
        raise fault(f"#: limit: expected an integer from 1 to {most}", "limit")
    return int(given)
