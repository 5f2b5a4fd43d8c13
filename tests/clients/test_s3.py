"""`aws s3` in a shell that ran `eval "$(outcrop env)"`: scripts written for AWS, unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import AWS
from tests.live import Live, clean_environment

Run = Callable[..., str]


@pytest.fixture
def aws(server: Live, tmp_path: Path) -> Run:
    if not AWS.exists():
        pytest.skip(f"{AWS} is missing: make test-clients installs it")

    def run(*words: str, fails: bool = False) -> str:
        environment = clean_environment(**server.env, HOME=str(tmp_path))
        done = subprocess.run([AWS, *words], capture_output=True, text=True, env=environment, timeout=90, check=False)
        assert (done.returncode != 0) is fails, done.stderr
        return done.stdout + done.stderr

    return run


def test_the_transcript(aws: Run, server: Live, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    aws("s3", "mb", "s3://mine")
    aws("s3", "cp", str(tmp_path / "train.jsonl"), "s3://mine/")
    assert "train.jsonl" in aws("s3", "ls", "s3://mine/")
    assert (server.home / "objects" / "mine" / "train.jsonl").read_text().startswith('{"prompt"')
    assert "BucketNotEmpty" in aws("s3", "rb", "s3://mine", fails=True)
    aws("s3", "rb", "--force", "s3://mine")
    assert "NoSuchBucket" in aws("s3", "ls", "s3://mine/", fails=True)


def test_a_folder_there_and_back(aws: Run, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    (source / "deep" / "er").mkdir(parents=True)
    for name in ("a", "deep/ü b+", "deep/er/c"):
        (source / name).write_text(name)
    (source / "big").write_bytes(os.urandom(20 << 20))
    aws("s3", "mb", "s3://folder")
    aws("s3", "sync", str(source), "s3://folder/x")
    assert aws("s3", "sync", str(source), "s3://folder/x") == ""  # nothing to do twice
    (source / "a").unlink()
    assert "delete: s3://folder/x/a" in aws("s3", "sync", "--delete", str(source), "s3://folder/x")
    aws("s3", "cp", "--recursive", "s3://folder/x", "s3://folder/y")
    aws("s3", "mv", "s3://folder/y/big", "s3://folder/y/moved")
    aws("s3", "sync", "s3://folder/y", str(back))
    assert (back / "moved").read_bytes() == (source / "big").read_bytes()
    assert (back / "deep" / "ü b+").read_text() == "deep/ü b+"
    listed = aws("s3", "ls", "--recursive", "s3://folder/")
    assert [line.split(maxsplit=3)[3] for line in listed.splitlines()] == [
        *("x/big", "x/deep/er/c", "x/deep/ü b+", "y/deep/er/c", "y/deep/ü b+", "y/moved")
    ]
    aws("s3", "rm", "--recursive", "s3://folder/")
    aws("s3", "rb", "s3://folder")


def test_presign_and_streams(aws: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("hello")
    aws("s3", "mb", "s3://signed")
    aws("s3", "cp", str(tmp_path / "a"), "s3://signed/a", "--content-type", "text/x", "--metadata", "m=1")
    with urllib.request.urlopen(aws("s3", "presign", "s3://signed/a").strip(), timeout=10) as answer:
        assert (answer.read(), answer.headers["content-type"]) == (b"hello", "text/x")
    assert aws("s3", "cp", "s3://signed/a", "-") == "hello"
    head = json.loads(aws("s3api", "head-object", "--bucket", "signed", "--key", "a"))
    assert head["Metadata"] == {"m": "1"}


def test_what_is_not_there_says_so(aws: Run) -> None:
    assert "NotImplemented" in aws("s3api", "get-bucket-policy", "--bucket", "any-name", fails=True)
    assert "InvalidBucketName" in aws("s3api", "list-objects-v2", "--bucket", "No_name", fails=True)


def test_over_tls_with_the_bundle_of_env(aws: Run, server: Live, tmp_path: Path) -> None:
    url = f"https://localhost:{server.tls_port}"
    (tmp_path / "a").write_bytes(os.urandom(9 << 20))
    aws("s3", "mb", "s3://secure", "--endpoint-url", url)
    aws("s3", "cp", str(tmp_path / "a"), "s3://secure/a", "--endpoint-url", url)
    aws("s3", "cp", "s3://secure/a", str(tmp_path / "b"), "--endpoint-url", url)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
