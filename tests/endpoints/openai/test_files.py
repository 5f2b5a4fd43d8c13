from __future__ import annotations

import base64
import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.endpoints.openai import files
from outcrop.endpoints.openai.multipart import parse
from outcrop.errors import ResourceNotFoundException, ValidationException
from tests.endpoints.openai.conftest import House, refused
from tests.wire.asgi import Answer

BOUNDARY = "xYz"
FORM = {"content-type": f'multipart/form-data; boundary="{BOUNDARY}"'}


def field(name: str, value: str | bytes, filename: str | None = None) -> bytes:
    told = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'
    return head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def form(*fields: bytes) -> bytes:
    return b"".join(fields) + END


async def upload(house: House, content: bytes = b"a\r\nb", name: str = "a.txt", *more: bytes) -> Answer:
    body = form(field("purpose", "user_data"), *more, field("file", content, name))
    return await house.client("POST", "/v1/files", body, FORM)


async def test_a_file_comes_back_as_it_went(house: House) -> None:
    content = bytes(range(256)) + b"\r\n--xY\r\n\r\n"
    made = (await upload(house, content, "é.bin")).json()
    assert {name: made[name] for name in ("object", "bytes", "filename", "purpose", "status")} == {
        "object": "file",
        "bytes": len(content),
        "filename": "é.bin",
        "purpose": "user_data",
        "status": "processed",
    }
    assert (await house.get(f"/files/{made['id']}")).json() == made
    answer = await house.get(f"/files/{made['id']}/content")
    assert (answer.body, answer.headers["content-type"]) == (content, "application/octet-stream")
    gone = await house.delete(f"/files/{made['id']}")
    assert gone.json() == {"id": made["id"], "object": "file", "deleted": True}
    for path in (f"/files/{made['id']}", f"/files/{made['id']}/content", "/files/file-none"):
        refused(await house.get(path), 404, "No such File object", param="id")


async def test_lists_by_purpose_and_in_pages(house: House) -> None:
    ids = [(await upload(house, b"a")).json()["id"] for _ in range(3)]
    listed = (await house.get("/files?order=asc&limit=2")).json()
    assert {file["id"] for file in listed["data"]} <= set(ids)
    assert listed["has_more"]
    rest = (await house.get(f"/files?order=asc&after={listed['last_id']}")).json()["data"]
    assert sorted([*(file["id"] for file in listed["data"]), *(file["id"] for file in rest)]) == sorted(ids)
    assert (await house.get("/files?purpose=batch")).json()["data"] == []
    refused(await house.get("/files?after=nobody"), 400, param="after")
    refused(await house.get("/files?order=up"), 400, param="order")
    for limit in ("0", "10001", "0000010000000", "0" * 5000 + "1", "١"):
        refused(await house.get(f"/files?limit={quote(limit)}"), 400, param="limit")


async def test_a_file_whose_time_is_over_is_gone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    lasts = field("expires_after[anchor]", "created_at") + field("expires_after[seconds]", "3600")
    made = (await upload(house, b"a", "a", lasts)).json()
    assert made["expires_at"] == made["created_at"] + 3600
    now = time.time()
    monkeypatch.setattr(files.time, "time", lambda: now + 3700)
    assert (await house.get("/files")).json()["data"] == []
    refused(await house.get(f"/files/{made['id']}"), 404)
    for seconds in ("9", "0000036000000", "0" * 5000 + "3600"):
        refused(await upload(house, b"a", "a", field("expires_after[seconds]", seconds)), 400, param="expires_after")


async def test_files_whose_time_is_over_are_swept_with_their_content(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasts = field("expires_after[anchor]", "created_at") + field("expires_after[seconds]", "3600")
    over, *stays = [
        (await upload(house, b"a", "a", *more)).json()["id"]
        for more in ([lasts], [lasts.replace(b"3600", b"7200")], [])
    ]
    assert await files.sweep(house.services) == 0
    now = time.time()
    monkeypatch.setattr(files.time, "time", lambda: now + 3700)
    assert await files.sweep(house.services) == 1
    assert {kept.id for kept in await house.resources.list(files.KIND)} == set(stays)
    with pytest.raises(ResourceNotFoundException):
        await house.objects.get(files.url(over))
    assert [await house.objects.get(files.url(id)) for id in stays] == [b"a", b"a"]
    assert await files.sweep(house.services) == 0


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        (b"{}", {"content-type": "application/json"}, "multipart/form-data"),
        (b"", {}, "multipart/form-data"),
        (form(), {"content-type": "multipart/form-data"}, "boundary"),
        (b"", FORM, "end with its boundary"),
        (field("purpose", "batch"), FORM, "end with its boundary"),
        (form(field("purpose", "batch")), FORM, "'file'"),
        (form(field("file", b"a")), FORM, "'file'"),
        (form(field("file", b"a", "a")), FORM, "purpose"),
        (form(field("file", b"a", "a"), field("purpose", "fun")), FORM, "purpose"),
        (form(field("file", b"a", "a"), field("purpose", b"\xff")), FORM, "UTF-8"),
        (form(b"--xYz\r\n\r\nno name\r\n"), FORM, "no name"),
        (form(b"--xYz\r\nno end\r\n"), FORM, "no headers"),
        (form(*(field(f"f{place}", "a") for place in range(70))), FORM, "64 parts"),
    ],
)
async def test_forms_that_are_none(house: House, body: bytes, headers: dict[str, str], says: str) -> None:
    refused(await house.client("POST", "/v1/files", body, headers), 400, says)
    assert (await house.get("/files")).json()["data"] == []


def named(parameter: str) -> bytes:
    """A form whose file has this parameter for its name."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; {parameter}\r\n\r\na\r\n'
    return form(field("purpose", "batch"), head.encode())


@pytest.mark.parametrize(
    "parameter",
    [
        "filename*=raw_unicode_escape''%5Cud800.txt",
        "filename*=idna''a",
        "filename*=undefined''a",
        "filename*=punycode''%ff",
        "filename*=a\0b''a",
        f'filename="{"a" * 9000}"',
    ],
)
async def test_a_name_that_cannot_be_read_again(house: House, parameter: str) -> None:
    refused(await house.client("POST", "/v1/files", named(parameter), FORM), 400, "form")
    assert (await house.get("/files")).json()["data"] == []


async def test_a_name_in_another_character_set(house: House) -> None:
    answer = await house.client("POST", "/v1/files", named("filename*=iso-8859-1'de'%e4.txt"), FORM)
    assert answer.json()["filename"] == "ä.txt"


async def test_a_file_that_is_too_large(house: House) -> None:
    refused(await upload(house, b"x" * (26 << 20)), 413)


@pytest.mark.parametrize("kind", ["chat", "responses"])
async def test_a_file_stands_in_a_message(house: House, kind: str) -> None:
    id = (await upload(house, b"The sky is green.")).json()["id"]
    if kind == "chat":
        part: dict[str, Any] = {"type": "file", "file": {"file_id": id}}
        answer = await house.chat(messages=[{"role": "user", "content": [part]}])
    else:
        part = {"type": "input_file", "file_id": id}
        answer = await house.respond(input=[{"role": "user", "content": [part]}])
    assert answer.status == 200, answer.body
    assert "The sky is green." in house.stub.body["messages"][0]["content"]
    assert "a.txt" in house.stub.body["messages"][0]["content"]


async def test_an_uploaded_image(house: House) -> None:
    image = b"\x89PNG\r\n\x1a\n..."
    id = (await upload(house, image, "a.png")).json()["id"]
    part = {"type": "input_image", "file_id": id}
    assert (await house.respond(input=[{"role": "user", "content": [part]}])).status == 200
    [sent] = house.stub.body["messages"][0]["content"]
    assert sent["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(image).decode()}"


@pytest.mark.parametrize("kind", ["chat", "responses"])
async def test_a_file_named_again_and_again(house: House, kind: str) -> None:
    id = (await upload(house, b"x" * (400 << 10))).json()["id"]
    house.services.settings = replace(house.settings, max_body_mib=1)
    part = {"type": "file", "file": {"file_id": id}} if kind == "chat" else {"type": "input_file", "file_id": id}
    ask, key = (house.chat, "messages") if kind == "chat" else (house.respond, "input")
    assert (await ask(**{key: [{"role": "user", "content": [part] * 2}]})).status == 200
    answer = await ask(**{key: [{"role": "user", "content": [part] * 3}]})
    refused(answer, 400, "files of this request are larger")


async def test_a_file_in_a_message_that_is_not_there(house: House) -> None:
    part = {"type": "file", "file": {"file_id": "file-none"}}
    refused(await house.chat(messages=[{"role": "user", "content": [part]}]), 404, "No such File object")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(max_size=40) | st.just(FORM["content-type"]),
    st.lists(
        st.sampled_from([b"--xYz", b"--", b"\r\n", b"\r\n\r\n", b"Content-Disposition: form-data", b'; name="a"'])
        | st.binary(max_size=8)
    ).map(b"".join),
)
def test_any_bytes_are_a_form_or_refused(content_type: str, body: bytes) -> None:
    try:
        parse(content_type, body)
    except ValidationException as error:
        assert "form" in error.message
