"""XML of strangers: what would grow, recurse or read files; then what S3 clients send."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.endpoints.s3 import xml
from outcrop.endpoints.s3.errors import S3Error

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><Delete>&b;</Delete>"""


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<!DOCTYPE a><a/>",
        b"<a>&lol;</a>",
        b"<a>" * 17 + b"</a>" * 17,
        b"<a>" * 100_000,
        b"",
        b"   ",
        b"{}",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>\xff</a>",
        b"<a>\x00</a>",
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b"<a b='1' b='2'/>",
    ],
)
def test_what_is_not_plain_xml_is_refused(body: bytes) -> None:
    with pytest.raises(S3Error) as refusal:
        xml.parse(body)
    assert refusal.value.code == "MalformedXML"


@given(st.binary(max_size=200) | st.text(alphabet="<>/a&;!\"'= ?", max_size=80).map(str.encode))
def test_any_bytes_parse_or_are_malformed(body: bytes) -> None:
    try:
        assert xml.parse(body).name
    except S3Error as error:
        assert error.code == "MalformedXML"


def test_namespaces_fall_away_and_order_stays() -> None:
    root = xml.parse(b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><b>1&amp;2</b><c/><b>3</b></Delete>')
    assert (root.name, [(e.name, e.text) for e in root.inside]) == ("Delete", [("b", "1&2"), ("c", ""), ("b", "3")])


@given(st.text())
def test_any_text_makes_a_document_that_can_be_read(text: str) -> None:
    root = ET.fromstring(xml.document("R", xml.element("t", xml.text(text))))
    kept = "".join(c if xml.text(c) != "?" or c == "?" else "?" for c in text)
    assert (root[0].text or "").replace("\r", "\n") == kept.replace("\r\n", "\n").replace("\r", "\n")
