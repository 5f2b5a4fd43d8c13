"""Who may call: signatures that do not hold, clocks that are wrong, URLs that have expired, in S3's own words."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from outcrop.endpoints.s3 import caller, chunked
from outcrop.endpoints.s3.caller import is_s3
from outcrop.wire import sigv4
from tests.endpoints.s3.conftest import HOST, KEY, SCOPED, SECRET, S3Client, code, door_at, inside, sign, texts
from tests.wire.asgi import Client, scope


def url(operation: str, style: str, key: str = "a ü+.txt", secret: str = SECRET, **params: Any) -> str:
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{HOST}",
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=secret,
        config=Config(signature_version=style),
    )
    presigned = client.generate_presigned_url(operation, Params={"Bucket": "mine", "Key": key, **params})
    return presigned.removeprefix(f"http://{HOST}")


async def use(client: S3Client, method: str, target: str, body: bytes = b"", **headers: str) -> Any:
    named = {"host": HOST, "content-length": str(len(body))} | {n.replace("_", "-"): v for n, v in headers.items()}
    return await Client(client.door)(method, target, body, named)


STYLES = ["s3", "s3v4"]


@pytest.mark.parametrize("style", STYLES)
async def test_presigned_urls_work_as_they_are_and_no_other_way(signed: S3Client, bucket: Path, style: str) -> None:
    put, get = url("put_object", style), url("get_object", style, ResponseContentType="x/y")
    assert (await use(signed, "PUT", put, b"hello")).status == 200
    answer = await use(signed, "GET", get)
    assert (answer.body, answer.headers["content-type"]) == (b"hello", "x/y")
    for method, target in (
        ("GET", put),
        ("PUT", get),
        ("DELETE", get),
        ("GET", get.replace("a%20", "b%20")),
        ("GET", get.replace("x%2Fy", "x%2Fz")),
        ("GET", get.replace("response-content-type=x%2Fy&", "")),
        ("GET", get + "&versionId=null"),
        ("GET", re.sub(r"(?<=Signature=)(%\w\w|\w)", lambda first: "B" if first[0] == "A" else "A", get)),
        ("GET", url("get_object", style, secret="other")),
    ):
        answer = await use(signed, method, target)
        assert (answer.status, code(answer)) == (403, "SignatureDoesNotMatch"), target
    assert (bucket / "a ü+.txt").read_bytes() == b"hello"


@pytest.mark.parametrize("style", STYLES)
async def test_urls_expire(signed: S3Client, bucket: Path, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, later = url("get_object", style), time.time() + 3601
    for module in (caller, sigv4):
        monkeypatch.setattr(module.time, "time", lambda: later)
    answer = await use(signed, "GET", target)
    assert (answer.status, code(answer), b"Request has expired" in answer.body) == (403, "AccessDenied", True)


@pytest.mark.parametrize(
    "change",
    [("Expires=", "Expires=x"), ("Expires=", "Expires=-"), ("Signature=", "Sig="), ("AWSAccessKeyId=", "Id=")],
)
async def test_old_urls_that_lack_a_part(signed: S3Client, bucket: Path, change: tuple[str, str]) -> None:
    answer = await use(signed, "GET", url("get_object", "s3").replace(*change))
    assert (answer.status, code(answer)) in ((403, "AccessDenied"), (403, "SignatureDoesNotMatch"))


async def test_what_an_old_url_signs_besides(signed: S3Client, bucket: Path) -> None:
    target = url("put_object", "s3", ContentType="text/plain", Metadata={"a": "1"})
    assert code(await use(signed, "PUT", target, b"x", content_type="text/html")) == "SignatureDoesNotMatch"
    assert code(await use(signed, "PUT", target, b"x", x_amz_meta_a="2")) == "SignatureDoesNotMatch"
    given = {"content_type": "text/plain", "x_amz_meta_a": "1"}
    assert (await use(signed, "PUT", target, b"x", **given)).status == 200
    assert (await use(signed, "PUT", target, b"x", x_amz_acl="public-read", **given)).status == 403


async def test_refusals(signed: S3Client, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = sign("GET", "/mine", b"", {})

    async def refusal(target: str = "/mine", **changed: str) -> tuple[int, str]:
        answer = await Client(signed.door)("GET", target, b"", good | changed)
        return answer.status, code(answer)

    assert (await Client(signed.door)("GET", "/mine", b"", good)).status == 200
    assert await refusal("/mine2") == (403, "SignatureDoesNotMatch")
    assert await refusal("/mine?list-type=2") == (403, "SignatureDoesNotMatch")
    assert await refusal(**{"x-amz-meta-a": "1"}) == (403, "SignatureDoesNotMatch")
    unknown = good["authorization"].replace(KEY, "AKIANOBODYKNOWSTHIS1")
    assert await refusal(authorization=unknown) == (403, "InvalidAccessKeyId")
    assert await refusal(authorization="AWS4-HMAC-SHA256 nonsense /s3/aws4_request") == (
        400,
        "AuthorizationHeaderMalformed",
    )
    elsewhere = good["authorization"].replace("us-east-1", "eu-west-1")
    assert await refusal(authorization=elsewhere) == (400, "AuthorizationHeaderMalformed")
    answer = await Client(signed.door)("GET", "/mine", b"", good | {"authorization": elsewhere})
    assert texts(answer, "Region") == ["us-east-1"]
    bedrock = sign("GET", "/mine", b"", {}, service="bedrock")
    assert (await Client(signed.door)("GET", "/mine", b"", bedrock)).status == 403
    later = time.time() + 1000
    monkeypatch.setattr(sigv4.time, "time", lambda: later)
    assert await refusal() == (403, "RequestTimeTooSkewed")


async def test_a_head_is_refused_without_a_word(signed: S3Client, bucket: Path) -> None:
    answer = await Client(signed.door)("HEAD", "/mine", b"", SCOPED)
    assert (answer.status, answer.body) == (400, b"")


async def test_nothing_is_read_of_the_body_of_a_stranger(signed: S3Client, bucket: Path) -> None:
    headers = sign("PUT", "/mine/a", b"", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, secret="wrong")
    answer = await Client(signed.door)("PUT", "/mine/a", [None], headers | {"content-length": "1000000"})
    assert (answer.status, inside(bucket)) == (403, [])


async def test_the_body_is_what_was_signed(signed: S3Client, bucket: Path) -> None:
    headers = sign("PUT", "/mine/a", b"hello", {"x-amz-content-sha256": hashlib.sha256(b"hello").hexdigest()})
    answer = await Client(signed.door)("PUT", "/mine/a", b"jello", headers | {"content-length": "5"})
    assert (code(answer), inside(bucket)) == ("XAmzContentSHA256Mismatch", [])
    assert (await signed("PUT", "/mine/a", b"hello", {"content-type": "text/plain"})).status == 200


def chunks(headers: dict[str, str], *pieces: bytes) -> bytes:
    """A body signed chunk by chunk, after the head whose headers these are."""
    claim, empty = sigv4.read_header(headers), hashlib.sha256(b"").hexdigest()
    key = sigv4.signing_key(SECRET, claim.date, claim.region, claim.service)
    prior, sent = claim.signature, b""
    for piece in (*pieces, b""):
        hashes = f"{prior}\n{empty}\n{hashlib.sha256(piece).hexdigest()}"
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{claim.timestamp}\n{claim.scope}\n{hashes}"
        prior = hmac.digest(key, text.encode(), "sha256").hex()
        sent += f"{len(piece):x};chunk-signature={prior}\r\n".encode() + piece + b"\r\n"
    return sent


async def test_signed_chunks(signed: S3Client, bucket: Path) -> None:
    data = (b"x" * 9000, b"y" * 9000)
    said = {"x-amz-content-sha256": chunked.SIGNED, "x-amz-decoded-content-length": "18000"}
    headers = sign("PUT", "/mine/a", b"", said)
    body = chunks(headers, *data)
    headers |= {"content-length": str(len(body)), "content-encoding": "aws-chunked"}
    for wrong in (body.replace(b"xxx", b"xxy", 1), body[: -len(b"0;chunk-signature=\r\n\r\n") - 64]):
        answer = await Client(signed.door)("PUT", "/mine/a", wrong, headers | {"content-length": str(len(wrong))})
        assert code(answer) in ("SignatureDoesNotMatch", "IncompleteBody")
        assert inside(bucket) == []
    assert (await Client(signed.door)("PUT", "/mine/a", body, headers)).status == 200
    assert (bucket / "a").read_bytes() == b"".join(data)


async def test_without_authentication_only_this_machine_is_served(tmp_path: Path, bucket: Path) -> None:
    open_door = Client(door_at(tmp_path, auth=False))
    assert (await open_door("GET", "/mine", b"", SCOPED)).status == 200
    assert (await open_door("GET", "/", b"", SCOPED | {"host": "mine.localhost"})).status == 200
    for wrong in ({"host": "evil.example"}, {"origin": "http://evil.example"}, {"host": "localhost.evil.example"}):
        assert code(await open_door("GET", "/mine", b"", SCOPED | wrong)) == "AccessDenied"


@pytest.mark.parametrize(
    ("target", "headers", "wanted"),
    [
        ("/mine", SCOPED, True),
        (urlsplit(url("get_object", "s3v4")).path + "?" + urlsplit(url("get_object", "s3v4")).query, {}, True),
        (url("get_object", "s3"), {}, True),
        ("/metrics", SCOPED, True),
        ("/mine", {}, False),
        ("/model/x/converse", sign("POST", "/model/x/converse", b"", {}, service="bedrock"), False),
        ("/s3/aws4_request", {"authorization": "Bearer x"}, False),
        ("/v1/models?X-Amz-Credential=a%2Fbedrock%2Faws4_request", {}, False),
    ],
)
def test_what_is_signed_for_s3(target: str, headers: dict[str, str], wanted: bool) -> None:
    assert is_s3(scope("GET", target, headers)) is wanted
