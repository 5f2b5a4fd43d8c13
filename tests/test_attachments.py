from __future__ import annotations

from typing import Any

import pytest

from outcrop.attachments import inline
from outcrop.config import Settings
from outcrop.errors import ResourceNotFoundException, ValidationException
from outcrop.store.objects import Objects
from outcrop.turn import Turn

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
async def objects(tmp_path) -> Objects:
    store = Objects(Settings(home=tmp_path))
    store.create_bucket("bucket")
    return store


def turn(*blocks: Any) -> Turn:
    return {"messages": [{"role": "user", "content": list(blocks)}], "system": [{"text": "s"}]}


def document(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"document": {"name": "notes", "format": "txt", "source": source, **more}}


async def content(objects: Objects, *blocks: Any) -> list[dict[str, Any]]:
    return (await inline(turn(*blocks), objects))["messages"][0]["content"]


async def test_a_turn_without_attachments_is_left_alone(objects):
    plain = turn({"text": "a"}, {"toolResult": {"toolUseId": "1", "content": [{"text": "b"}]}})
    assert await inline(plain, objects) is plain


async def test_a_document_becomes_text_under_its_name(objects):
    first, second = await content(objects, {"text": "read"}, document({"bytes": b" seven \n"}, context="a number"))
    assert first == {"text": "read"}
    assert second == {"text": '<document name="notes">\na number\nseven\n</document>'}


@pytest.mark.parametrize(
    "source", [{"text": "seven"}, {"content": [{"text": "sev"}, {"text": "en"}]}, {"bytes": b"seven"}]
)
async def test_every_source_of_a_document(objects, source):
    (block,) = await content(objects, document(source))
    assert block["text"].replace("\n", "") == '<document name="notes">seven</document>'.replace("seven", (
        "seven"))  # fmt: skip


async def test_documents_and_images_come_from_objects(objects):
    await objects.put("s3://bucket/a.txt", b"seven")
    await objects.put("s3://bucket/a.png", PNG)
    words, image = await content(
        objects,
        document({"s3Location": {"uri": "s3://bucket/a.txt"}}),
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a.png"}}}},
    )
    assert "seven" in words["text"]
    assert image == {"image": {"format": "png", "source": {"bytes": PNG}}}


@pytest.mark.parametrize("uri", ["s3://bucket/none", "s3://none/a.txt"])
async def test_an_object_that_is_not_there_is_named(objects, uri):
    with pytest.raises(ResourceNotFoundException):
        await content(objects, document({"s3Location": {"uri": uri}}))


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "s3://bucket/../../etc/passwd", "http://localhost/"])
async def test_an_address_elsewhere_is_refused(objects, uri):
    with pytest.raises(ValidationException):
        await content(objects, document({"s3Location": {"uri": uri}}))


async def test_attachments_in_tool_results_are_read_too(objects):
    inside = [document({"text": "seven"}), {"image": {"format": "png", "source": {"bytes": PNG}}}, {"json": {}}]
    (block,) = await content(objects, {"toolResult": {"toolUseId": "1", "content": inside, "status": "success"}})
    result = block["toolResult"]
    assert (result["toolUseId"], result["status"]) == ("1", "success")
    assert [next(iter(part)) for part in result["content"]] == ["text", "image", "json"]


async def test_the_callers_turn_is_not_changed(objects):
    asked = turn(document({"text": "seven"}))
    await inline(asked, objects)
    assert "document" in asked["messages"][0]["content"][0]


@pytest.mark.parametrize("kept", [True, False])
async def test_sizes_beyond_bedrocks_are_refused_in_its_words(objects, kept):
    big = b"x" * (4_718_592 + 1)
    await objects.put("s3://bucket/big", big)
    source = {"s3Location": {"uri": "s3://bucket/big"}} if kept else {"bytes": big}
    with pytest.raises(ValidationException, match=r"^The maximum document size is 4.5 MB. Reduce the size of your doc"):
        await content(objects, document(source))
    with pytest.raises(ValidationException, match=r"^The maximum image size is 3.75 MB"):
        await content(objects, {"image": {"format": "png", "source": source}})


BEGINNINGS = {"png": PNG, "jpeg": b"\xff\xd8\xff\xe0", "gif": b"GIF89a", "webp": b"RIFF\x00\x00\x00\x00WEBPVP8 "}


@pytest.mark.parametrize("format", BEGINNINGS)
async def test_an_image_is_what_it_says_it_is(objects, format):
    for name, data in BEGINNINGS.items():
        asked = {"image": {"format": format, "source": {"bytes": data}}}
        if name == format:
            assert await content(objects, asked) == [asked]
            continue
        with pytest.raises(ValidationException, match="The provided image does not match the specified image format"):
            await content(objects, asked)


async def test_sound_is_not_a_webp(objects):
    with pytest.raises(ValidationException, match="does not match"):
        await content(objects, {"image": {"format": "webp", "source": {"bytes": b"RIFF\0\0\0\0WAVEfmt "}}})
