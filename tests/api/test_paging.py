"""Pages: every item once, tokens that serve one list only."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.api.paging import page
from outcrop.errors import ValidationException


def token_for(operation: str = "ListThings", **filters: Any) -> str:
    return page(["a", "b"], str, operation, {"maxResults": 1, **filters})[1]["nextToken"]


@pytest.mark.parametrize(
    "token",
    [
        "x", "====", "é", "W10=", "bnVsbA==", "MQ==", base64.b64encode(b'["a", "b", "c"]').decode(),
        base64.b64encode(b'["0000000000000000", "a"]').decode(), token_for("ListOthers"), token_for(status="Active"),
        token_for()[:-4], token_for() + "A", base64.b64encode(b"[" * 100_000).decode(),
    ],
)  # fmt: skip
def test_a_token_from_elsewhere_is_refused(token: str) -> None:
    with pytest.raises(ValidationException, match="nextToken"):
        page(["a", "b"], str, "ListThings", {"nextToken": token})


@given(st.sets(st.text(max_size=5)), st.integers(1, 7))
def test_pages_show_every_item_once_and_in_order(items: set[str], size: int) -> None:
    seen, request = [], {"maxResults": size, "filter": "x"}
    while True:
        shown, token = page(items, str, "ListThings", request)
        assert len(shown) <= size
        seen += shown
        if not token:
            break
        assert len(shown) == size
        request |= token
    assert seen == sorted(items)


def test_what_comes_and_goes_between_pages_disturbs_no_other() -> None:
    first, token = page("bdfh", str, "ListThings", {"maxResults": 2})
    second, end = page("acfgh", str, "ListThings", {"maxResults": 9, **token})
    assert (first, second, end) == (["b", "d"], ["f", "g", "h"], {})


def test_no_more_than_the_default_where_nothing_is_asked() -> None:
    shown, token = page(map(chr, range(300)), str, "ListThings", {})
    assert len(shown) == 100 and "nextToken" in token
