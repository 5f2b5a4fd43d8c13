"""/files: uploads, and their use in messages by `file_id`.

Content lies in the object store (bucket BUCKET), what is known of it in the resources. Knows nothing of who uses them.
"""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...call import Call
from ...dialects.openai_parts import fault
from ...errors import ResourceNotFoundException, ValidationException
from ..door import Answer, Request
from .multipart import Part, parse
from .paging import is_number, page

if TYPE_CHECKING:
    from ...services import Services

KIND = "openai.file"
BUCKET = "outcrop-openai-files"
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
LIFETIMES = (3600, 2_592_000)
"""Seconds that a file may be asked to last, at least and at most."""


async def create(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/files/create; as large as settings.max_body_mib lets it be."""
    form = parse(request.headers.get("content-type", ""), request.body)
    file, purpose = form.get("file"), _field(form, "purpose")
    if file is None or file.filename is None:
        raise fault("#: required key [file] not found", "file")
    if purpose not in PURPOSES:
        raise fault(f"#: purpose: expected one of {', '.join(PURPOSES)}", "purpose")
    lifetime, now, id = _lifetime(form), int(time.time()), f"file-{secrets.token_hex(12)}"
    made = record(id, len(file.value), file.filename, purpose, now, lifetime and now + lifetime)
    await keep(call.services, id, file.value)
    await call.services.resources.create(KIND, made["id"], made)
    return Answer(made)


def _field(form: dict[str, Part], name: str) -> str | None:
    return form[name].text() if name in form else None


def _lifetime(form: dict[str, Part]) -> int | None:
    """Seconds until the file is gone, where the form says so."""
    given = _field(form, "expires_after[seconds]")
    if given is None:
        return None
    low, high = LIFETIMES
    if not is_number(given) or not low <= int(given) <= high:
        raise fault(f"#: expires_after: expected from {low} to {high} seconds", "expires_after")
    return int(given)


def record(id: str, size: int, filename: str, purpose: str, created: int, expires: int | None) -> dict[str, Any]:
    return {
        "id": id,
        "object": "file",
        "bytes": size,
        "created_at": created,
        "expires_at": expires,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }


async def keep(services: Services, id: str, content: bytes) -> None:
    try:
        await asyncio.to_thread(services.objects.create_bucket, BUCKET)
    except ValidationException:
        pass  # a remote store: its buckets are made there
    await services.objects.put(url(id), content)


def url(id: str) -> str:
    return f"s3://{BUCKET}/{id}"


async def list_all(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/files/list"""
    wanted = request.query.get("purpose")
    kept = [resource.body for resource in reversed(await call.services.resources.list(KIND))]
    data = [file for file in kept if not _expired(file) and wanted in (None, "", file["purpose"])]
    return Answer(page(data, request.query, most=10_000, usual=10_000))


async def retrieve(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/files/retrieve"""
    return Answer(await found(call, request.params["file_id"]))


async def content(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/files/retrieve-contents"""
    file = await found(call, request.params["file_id"])
    return Answer(await call.services.objects.get(url(file["id"])), media_type="application/octet-stream")


async def delete(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/files/delete"""
    file = await found(call, request.params["file_id"])
    await _remove(call.services, file["id"])
    return Answer({"id": file["id"], "object": "file", "deleted": True})


async def _remove(services: Services, id: str) -> None:
    """The content goes first: what is known of the file stays until there is nothing left to look for."""
    await services.objects.delete(url(id))
    await services.resources.forget(KIND, [id])


async def sweep(services: Services) -> int:
    """Delete the files whose time is over; returns how many that were."""
    count = 0
    async for batch in services.resources.before(KIND, (int(time.time()) - LIFETIMES[0]) * 1000):
        for id in [resource.id for resource in batch if _expired(resource.body)]:
            await _remove(services, id)
            count += 1
    return count


async def found(call: Call, id: str) -> dict[str, Any]:
    """What is known of a file; ResourceNotFoundException, also for one whose time is over."""
    try:
        file = (await call.services.resources.get(KIND, id)).body
    except ResourceNotFoundException as error:
        raise _absent(id) from error
    if _expired(file):
        await _remove(call.services, id)
        raise _absent(id)
    return file


def _expired(file: dict[str, Any]) -> bool:
    return file["expires_at"] is not None and file["expires_at"] < time.time()


def _absent(id: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"No such File object: {id[:200]}", param="id")


async def inline(call: Call, value: Any) -> None:
    """Put uploaded files in the place of their `file_id`, anywhere in a request's messages or items: together as much
    as a request may have, since a thousand parts can name one file."""
    left = call.services.settings.max_body_mib << 20
    for part in [*_naming(value)]:
        file = await found(call, part.pop("file_id"))
        left -= file["bytes"]
        if left < 0:
            raise fault("#: the files of this request are larger than a request may be")
        await _replace(call, part, file)


def _naming(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a value that name a file."""
    if isinstance(value, dict) and isinstance(value.get("file_id"), str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _naming(item)


async def _replace(call: Call, part: dict[str, Any], file: dict[str, Any]) -> None:
    data = base64.b64encode(await call.services.objects.get(url(file["id"]))).decode()
    media_type = mimetypes.guess_type(file["filename"])[0] or "application/octet-stream"
    part["image_url" if part.get("type") == "input_image" else "file_data"] = f"data:{media_type};base64,{data}"
    part.setdefault("filename", file["filename"])
