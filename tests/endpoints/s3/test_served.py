"""The S3 door over real sockets: boto3, obstore's own client, presigned URLs, kills in the middle, a restart."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import obstore
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from obstore.store import S3Store

from tests.endpoints.s3.conftest import inside, sign
from tests.live import Live, running

pytestmark = pytest.mark.xdist_group("s3")  # one server for all
NO_MODEL = {"model": ""}
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(tmp_path_factory.mktemp("s3") / "home", NO_MODEL) as live:
        yield live


def client(live: Live, url: str = "", **config: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url or live.env["AWS_ENDPOINT_URL_S3"],
        region_name=live.env["AWS_REGION"],
        aws_access_key_id=live.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=live.env["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, **config),
        verify=live.env["AWS_CA_BUNDLE"],
    )


@pytest.fixture
def s3(server: Live) -> Any:
    """A boto3 client; tests use buckets of their own."""
    return client(server)


def staged(home: Path) -> list[str]:
    return inside(home / "objects" / ".s3" / "staging")


def until(true: Callable[[], bool]) -> None:
    """Wait for what another process does in its own time."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def code(refusal: pytest.ExceptionInfo[ClientError]) -> str:
    return refusal.value.response["Error"]["Code"]


@pytest.mark.timeout(300)  # two servers start, on a machine that may be busy
def test_a_kill_in_mid_upload_leaves_what_was_there(tmp_path: Path) -> None:
    home, data = tmp_path / "home", os.urandom(6 * MIB)
    with running(home, NO_MODEL) as live:
        s3 = client(live)
        s3.create_bucket(Bucket="mine")
        s3.put_object(Bucket="mine", Key="a/ü", Body=b"old", ContentType="text/plain", Metadata={"m": "1"})
        upload = s3.create_multipart_upload(Bucket="mine", Key="big")["UploadId"]
        part = s3.upload_part(Bucket="mine", Key="big", UploadId=upload, PartNumber=1, Body=data)
        stalled = [_stalled(live, key) for key in ("a/%C3%BC", "new")]
        until(lambda: len(staged(home)) == 2)
        live.process.send_signal(signal.SIGKILL)
        live.process.wait()
        for connection in stalled:
            connection.close()
    with running(home, NO_MODEL) as live:
        s3 = client(live)
        assert [one["Key"] for one in s3.list_objects_v2(Bucket="mine")["Contents"]] == ["a/ü"]
        found = s3.get_object(Bucket="mine", Key="a/ü")
        assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"old", "text/plain", {"m": "1"})
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        s3.complete_multipart_upload(Bucket="mine", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
        assert s3.get_object(Bucket="mine", Key="big")["Body"].read() == data
        assert staged(home) == []


def _stalled(live: Live, key: str) -> socket.socket:
    """A put that sends half of what it promises."""
    said = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "host": f"127.0.0.1:{live.port}"}
    headers = sign(
        "PUT", f"/mine/{key}", b"", said, secret=live.env["AWS_SECRET_ACCESS_KEY"], key=live.env["AWS_ACCESS_KEY_ID"]
    )
    lines = [f"PUT /mine/{key} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    connection = socket.create_connection(("127.0.0.1", live.port))
    connection.sendall("\r\n".join([*lines, "content-length: 4000000", "", ""]).encode() + b"x" * 2_000_000)
    return connection


def test_a_client_that_hangs_up_leaves_nothing(server: Live, s3: Any) -> None:
    s3.create_bucket(Bucket="mine")
    connection = _stalled(server, "half")
    until(lambda: len(staged(server.home)) == 1)
    connection.close()
    until(lambda: staged(server.home) == [])
    assert "Contents" not in s3.list_objects_v2(Bucket="mine")


def test_wrong_secrets_and_unknown_keys(server: Live) -> None:
    for name, value, expected in (
        ("AWS_SECRET_ACCESS_KEY", "wrong", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "AKIANOBODYKNOWSTHIS1", "InvalidAccessKeyId"),
        ("AWS_REGION", "eu-west-1", "AuthorizationHeaderMalformed"),
    ):
        stranger = Live(server.process, server.home, server.port, server.tls_port, server.env | {name: value})
        with pytest.raises(ClientError) as refusal:
            client(stranger).list_buckets()
        assert code(refusal) == expected


@pytest.mark.parametrize("secure", [False, True])
def test_twenty_megabytes_in_parts_there_and_back(server: Live, tmp_path: Path, secure: bool) -> None:
    s3 = client(server, f"https://localhost:{server.tls_port}" if secure else "")
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(20 * MIB))
    bucket = f"parts-{secure}".lower()
    s3.create_bucket(Bucket=bucket)
    s3.upload_file(str(source), bucket, "big", Config=TransferConfig(multipart_chunksize=6 * MIB))
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-4"')
    s3.download_file(bucket, "big", str(back))
    assert back.read_bytes() == source.read_bytes()
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy")
    assert (
        s3.get_object(Bucket=bucket, Key="copy", Range="bytes=7000000-7000099")["Body"].read()
        == (source.read_bytes()[7_000_000:7_000_100])
    )
    assert (server.home / "objects" / bucket / "big").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_boto3s_checksums_in_trailers_and_headers(server: Live, algorithm: str) -> None:
    for url in ("", f"https://localhost:{server.tls_port}"):
        s3 = client(server, url)
        if "sums" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
            s3.create_bucket(Bucket="sums")
        put = s3.put_object(Bucket="sums", Key="a", Body=b"hello" * 100_000, ChecksumAlgorithm=algorithm)
        found = s3.get_object(Bucket="sums", Key="a", ChecksumMode="ENABLED")
        assert found["Body"].read() == b"hello" * 100_000  # botocore compares while it reads
        assert put[f"Checksum{algorithm}"] == found[f"Checksum{algorithm}"]


def test_odd_names_there_and_back(s3: Any) -> None:
    s3.create_bucket(Bucket="names")
    names = ["ü b+c", "a=b&c", "日本/語", "a%2Fb", "~!*'()", "a\\b", ".hidden", "emoji 🎉", "x" * 255, "<&>\"'"]
    for name in names:
        s3.put_object(Bucket="names", Key=name, Body=name.encode(), Metadata={"n": str(len(name))})
    listed = [one["Key"] for one in s3.list_objects_v2(Bucket="names")["Contents"]]
    assert listed == sorted(names, key=str.encode)
    assert [s3.get_object(Bucket="names", Key=name)["Body"].read().decode() for name in names] == names
    for name in names:
        s3.copy_object(Bucket="names", Key=f"copy/{name}"[:255], CopySource={"Bucket": "names", "Key": name})
    gone = s3.delete_objects(Bucket="names", Delete={"Objects": [{"Key": name} for name in names]})
    assert sorted(one["Key"] for one in gone["Deleted"]) == sorted(names)
    assert s3.list_objects_v2(Bucket="names", Delimiter="/")["CommonPrefixes"] == [{"Prefix": "copy/"}]


def test_pages(s3: Any) -> None:
    s3.create_bucket(Bucket="pages")
    for number in range(25):
        s3.put_object(Bucket="pages", Key=f"{number:03}", Body=b"")
    for operation in ("list_objects_v2", "list_objects"):
        pages = list(s3.get_paginator(operation).paginate(Bucket="pages", PaginationConfig={"PageSize": 10}))
        assert [len(page["Contents"]) for page in pages] == [10, 10, 5]


@pytest.mark.parametrize("version", [None, "s3v4"])
def test_presigned_urls_with_no_sdk_at_all(server: Live, version: str | None) -> None:
    s3 = client(server, signature_version=version) if version else client(server)
    bucket = f"urls-{version}".lower()
    s3.create_bucket(Bucket=bucket)
    place = {"Bucket": bucket, "Key": "a ü"}
    put = s3.generate_presigned_url("put_object", Params=place | {"ContentType": "text/plain"})
    request = urllib.request.Request(put, data=b"hello", method="PUT", headers={"content-type": "text/plain"})
    assert urllib.request.urlopen(request, timeout=10).status == 200
    get = s3.generate_presigned_url("get_object", Params=place)
    with urllib.request.urlopen(get, timeout=10) as answer:
        assert (answer.read(), answer.headers["content-type"]) == (b"hello", "text/plain")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(get.replace("Signature=", "Signature=A"), timeout=10)
    assert (refusal.value.code, b"SignatureDoesNotMatch" in refusal.value.read()) == (403, True)


def test_of_two_that_create_at_once_one_does(s3: Any) -> None:
    s3.create_bucket(Bucket="race")
    won: list[int] = []

    def attempt(number: int) -> None:
        try:
            s3.put_object(Bucket="race", Key="lock", Body=str(number).encode(), IfNoneMatch="*")
            won.append(number)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert s3.get_object(Bucket="race", Key="lock")["Body"].read().decode() == str(won[0])
    assert len(won) == 1


def test_obstores_own_client(server: Live, s3: Any) -> None:
    """Another signer, another parser, another way to send parts: Rust's object_store."""
    s3.create_bucket(Bucket="rust")
    store = S3Store(
        "rust",
        endpoint=server.url,
        region="us-east-1",
        access_key_id=server.env["AWS_ACCESS_KEY_ID"],
        secret_access_key=server.env["AWS_SECRET_ACCESS_KEY"],
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    data = os.urandom(12 * MIB)
    obstore.put(store, "dir/ü =+", b"small", attributes={"Content-Type": "text/plain"})
    obstore.put(store, "dir/big", data, chunk_size=5 * MIB)
    assert bytes(obstore.get(store, "dir/big").bytes()) == data
    assert bytes(obstore.get_range(store, "dir/big", start=100, length=50)) == data[100:150]
    assert obstore.get(store, "dir/ü =+").attributes["Content-Type"] == "text/plain"
    assert [meta["path"] for meta in obstore.list(store).collect()] == ["dir/big", "dir/ü =+"]
    assert obstore.list_with_delimiter(store)["common_prefixes"] == ["dir"]
    obstore.copy(store, "dir/big", "copy")
    obstore.rename(store, "copy", "moved")
    with pytest.raises(FileNotFoundError):
        obstore.head(store, "copy")
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "moved", b"x", mode="create")
    obstore.delete(store, ["dir/big", "dir/ü =+", "moved"])
    assert obstore.list(store).collect() == []
    s3.delete_bucket(Bucket="rust")


def test_what_the_service_itself_reads_is_what_was_put(server: Live, s3: Any) -> None:
    s3.create_bucket(Bucket="shared")
    s3.put_object(Bucket="shared", Key="train.jsonl", Body=b"{}\n")
    assert (server.home / "objects" / "shared" / "train.jsonl").read_bytes() == b"{}\n"
    (server.home / "objects" / "shared" / "out").mkdir()
    (server.home / "objects" / "shared" / "out" / "metrics.csv").write_bytes(b"1,2\n")
    assert s3.get_object(Bucket="shared", Key="out/metrics.csv")["Body"].read() == b"1,2\n"
