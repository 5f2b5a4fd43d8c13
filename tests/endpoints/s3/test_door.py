"""The door as a whole: any request gets an answer in S3's form, and none a fault of ours."""

from __future__ import annotations

import logging
import string
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.endpoints.s3 import routes
from outcrop.endpoints.s3.door import S3Door
from outcrop.endpoints.s3.operations import HANDLERS
from tests.endpoints.s3.conftest import SCOPED, S3Client, code, door_at, files_below
from tests.wire.asgi import Answer, Client

QUERIES = sorted(
    routes._telling_names()
    | {member.wire for name in HANDLERS for member in routes.model().operation(name).input.at("querystring")}
)
HEADERS = sorted(
    {m.wire.lower() for name in HANDLERS for m in routes.model().operation(name).input.at("header")}
    | {"x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-meta-a", "expect"}
)
WORDS = st.sampled_from(
    (
        *("", "0", "1", "2", "-1", "true", "*", "a", "mine", "mine/a", "url", "/", "bytes=0-", "bytes=1-2", "SHA256"),
        *("CRC32", "COMPOSITE", "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32"),
        *("../", "../../", "/etc/", "a/../../x/", "\x00", "x" * 300 + "/", "..%2f"),
        *("AAAAAA==", "Sun, 22 Nov 2026 00:00:00 GMT", "REPLACE", "99999999999999999999", "\x85ü\xff", "private"),
    )
) | st.text(alphabet=string.printable.replace("\r", "").replace("\n", "") + "üß\xff", max_size=8)
PATHS = st.sampled_from(
    ["/", "/mine", "/mine/", "/mine/a", "/mine/b/c", "/mine//", "/mine/%2e%2e/x", "/MINE", "/%ff/a"]
)
BODIES = st.sampled_from(
    (
        b"",
        b"x" * 100,
        b"<Delete><Object><Key>a</Key></Object></Delete>",
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
        b"<CreateBucketConfiguration><Tags><Tag/></Tags></CreateBucketConfiguration>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><Delete>&b;</Delete>',
        b"5\r\nabcde\r\n0\r\n\r\n",
    )
) | st.binary(max_size=30)
PAIRS = st.lists(st.tuples(st.sampled_from(QUERIES), WORDS), max_size=3)
METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "x"])


def quoted(word: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else f"%{ord(c) & 255:02x}" for c in word)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=METHODS,
    path=PATHS,
    query=PAIRS,
    headers=st.dictionaries(st.sampled_from(HEADERS), WORDS, max_size=4),
    body=BODIES,
)
async def test_any_request_gets_an_answer_of_s3s(
    tmp_path: Path, method: str, path: str, query: list, headers: dict[str, str], body: bytes, caplog
) -> None:
    caplog.clear()
    door = door_at(tmp_path, auth=False)
    (tmp_path / "objects" / "mine").mkdir(parents=True, exist_ok=True)
    (tmp_path / "canary").touch()
    target = path + ("?" + "&".join(f"{name}={quoted(value)}" for name, value in query) if query else "")
    answer = await Client(door)(method, target, body, SCOPED | {"content-length": str(len(body))} | headers)
    check_answer(door, method, answer)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert b"canary" not in answer.body
    outside = [path for path in files_below(tmp_path) if not path.is_relative_to(tmp_path / "objects")]
    assert outside == [tmp_path / "canary"]


def check_answer(door: S3Door, method: str, answer: Answer) -> None:
    assert answer.complete
    assert answer.status < 500 or answer.status == 501, answer.body
    assert answer.headers["x-amz-request-id"]
    if method == "HEAD" or answer.status == 304:
        assert answer.body == b""
    elif answer.status >= 400:
        assert code(answer)
    elif answer.headers.get("content-type") == "application/xml":
        ET.fromstring(answer.body)
    call, status, error = door._services.telemetry.finished[-1]
    assert (status, call.service, error is None) == (answer.status, "s3", answer.status < 300)


@pytest.mark.parametrize("name", sorted(set(routes.model().operation_names) - set(HANDLERS)))
async def test_what_the_door_does_not_know_it_names(s3: S3Client, bucket: Path, name: str) -> None:
    if name not in {route.name for table in routes._table().values() for route in table}:
        pytest.skip("of another kind of bucket")
    (method, level), route = next((at, r) for at, table in routes._table().items() for r in table if r.name == name)
    query = "&".join(f"{n}={value or '1'}" for n, value in route.query.items())
    target = ("/", "/mine", "/mine/a")[level] + "?" + query
    answer = await s3(method, target, headers=dict.fromkeys(route.headers, "x"))
    assert answer.status == 501
    assert b"does not know " in answer.body


async def test_the_docs_list_what_the_door_knows() -> None:
    text = (Path(__file__).parents[3] / "docs" / "s3.md").read_text()
    assert [name for name in HANDLERS if f"`{name}`" not in text] == []


async def test_errors_name_the_place_and_hold_no_markup_of_the_clients(s3: S3Client) -> None:
    answer = await s3("GET", "/mine/%3Cscript%3E?x=<b>")
    assert (code(answer), answer.headers["content-type"]) == ("NoSuchBucket", "application/xml")
    assert b"<Resource>/mine/%3Cscript%3E</Resource>" in answer.body
