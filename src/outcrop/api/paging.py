"""Pages of a list: what maxResults and nextToken ask for.

Knows nothing of what is listed. A token holds the last key of its page, so that items which come and go between two
calls are neither repeated nor, if they stay, left out; and a stamp of the request, so that it serves no other list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..errors import ValidationException

T = TypeVar("T")

DEFAULT_SIZE = 100
OWN = ("maxResults", "nextToken")


def page(
    items: Iterable[T], key: Callable[[T], str], operation: str, request: Mapping[str, Any], size: int = DEFAULT_SIZE
) -> tuple[list[T], dict[str, str]]:
    """One page of the items in order of `key` (unique), and `{"nextToken": ...}` unless it is the last.

    ValidationException for a token that this operation with these filters did not give.
    """
    stamp = _stamp(operation, request)
    after = _read(request["nextToken"], stamp) if "nextToken" in request else None
    rest = sorted((item for item in items if after is None or key(item) > after), key=key)
    size = request.get("maxResults") or size
    shown = rest[:size]
    return shown, {"nextToken": _write(stamp, key(shown[-1]))} if len(rest) > size else {}


def _stamp(operation: str, request: Mapping[str, Any]) -> str:
    filters = {name: value for name, value in request.items() if name not in OWN}
    text = json.dumps([operation, filters], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(stamp: str, last: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([stamp, last]).encode()).decode()


def _read(token: str, stamp: str) -> str:
    try:
        found, last = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise ValidationException("The provided nextToken is invalid.") from error
    if found != stamp or not isinstance(last, str):
        raise ValidationException("The provided nextToken is invalid.")
    return last
