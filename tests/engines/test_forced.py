from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.engines.forced import ForcedCall

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def feed(*texts: str) -> tuple[str, str]:
    call = ForcedCall()
    pieces = [piece for text in texts for piece in call.feed(text)]
    assert len({name for name, _ in pieces}) == 1
    return pieces[0][0], "".join(text for _, text in pieces)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=3), st.integers(1, 7), st.sampled_from([None, 2]))
def test_any_arguments_in_any_pieces_come_out_as_they_went_in(arguments, size, indent):
    text = json.dumps({"name": "f", "arguments": arguments}, indent=indent, ensure_ascii=False)
    name, out = feed(*(text[at : at + size] for at in range(0, len(text), size)))
    assert (name, json.loads(out)) == ("f", arguments)


def test_the_name_is_told_before_the_arguments_begin():
    call = ForcedCall()
    assert call.feed('{ "name" :\n"get_x') == []
    assert call.feed('", "arguments": ') == [("get_x", "")]
    assert call.feed('{"a":') == [("get_x", '{"a":')]


def test_braces_in_strings_and_space_after_the_end_are_kept_apart():
    assert feed('{"name":"f","arguments":{"a":"}"', "}", "}", " \n\t") == ("f", '{"a":"}"}')


@pytest.mark.parametrize("text", ["", "Hello, I", '{"other": 1}', '{"name": 7', '{"name": ""'])
def test_text_that_is_no_call_gives_nothing(text):
    assert ForcedCall().feed(text) == []


def test_space_before_the_arguments_is_not_passed_on() -> None:
    call = ForcedCall()
    pieces = [
        piece for text in ('{"name": "f", "arguments":', " ", "\n ", '{"a": 1}', "}") for piece in call.feed(text)
    ]
    assert pieces[0] == ("f", "")
    assert pieces[1][1].startswith("{")
    assert "".join(piece for _, piece in pieces) == '{"a": 1}'
