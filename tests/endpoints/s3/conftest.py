"""The S3 door in process: unsigned (auth off) for what operations do, signed for who may call."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outcrop.endpoints.s3 import s3_door
from outcrop.endpoints.s3.door import S3Door
from outcrop.keys import Key
from tests.wire.asgi import Answer, Client, fake_services

KEY, SECRET, HOST = "AKIAEXAMPLE234567AAA", "+secret/with/slashes+and+40+characters+xx", "127.0.0.1:8484"
SCOPED = {"authorization": "AWS4-HMAC-SHA256 Credential=any/20261122/us-east-1/s3/aws4_request", "host": HOST}
"""What makes a request S3's where nobody checks signatures."""


class FakeKeys:
    async def key(self, key_id: str) -> Key | None:
        return Key(KEY, "iam", "me", 0) if key_id == KEY else None

    async def secret(self, key_id: str) -> str | None:
        return SECRET if key_id == KEY else None


def door_at(home: Path, **settings: Any) -> S3Door:
    services = fake_services(home=home, **settings)
    services.keys, services.objects = FakeKeys(), SimpleNamespace(root=home / "objects")
    return s3_door(services)


class S3Client:
    """Requests to one door. `signed` ones are signed by botocore."""

    def __init__(self, door: S3Door, signed: bool = False) -> None:
        self.door, self._client, self._signed = door, Client(door), signed

    async def __call__(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        given = {name.lower(): value for name, value in (headers or {}).items()}
        given = sign(method, target, body, given) if self._signed else SCOPED | given
        if body or method in ("PUT", "POST"):
            given = {"content-length": str(len(body))} | given
        return await self._client(method, target, body, given, **options)


def sign(
    method: str,
    target: str,
    body: bytes,
    headers: dict[str, str],
    service: str = "s3",
    secret: str = SECRET,
    key: str = KEY,
) -> dict[str, str]:
    request = AWSRequest(method, f"http://{HOST}{target}", {"host": HOST, **headers}, body)
    signer = S3SigV4Auth(Credentials(key, secret), service, "us-east-1")
    if "x-amz-content-sha256" in headers:
        signer.payload = lambda request: headers["x-amz-content-sha256"]  # type: ignore[method-assign]
    signer.add_auth(request)
    return {name.lower(): str(value) for name, value in request.headers.items()}


@pytest.fixture
def s3(tmp_path: Path) -> S3Client:
    return S3Client(door_at(tmp_path, auth=False))


@pytest.fixture
def signed(tmp_path: Path) -> S3Client:
    return S3Client(door_at(tmp_path), signed=True)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder of a bucket `mine`."""
    path = tmp_path / "objects" / "mine"
    path.mkdir(parents=True)
    return path


def tree(answer: Answer) -> ET.Element:
    root = ET.fromstring(answer.body)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def texts(answer: Answer, path: str) -> list[str]:
    return [element.text or "" for element in tree(answer).findall(path)]


def code(answer: Answer) -> str:
    """The S3 error code of an answer."""
    root = tree(answer)
    assert root.tag == "Error", answer.body
    assert root.findtext("RequestId") == answer.headers["x-amz-request-id"]
    return root.findtext("Code") or ""


def inside(folder: Path) -> list[str]:
    """Names in a folder, none where there is no folder."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
