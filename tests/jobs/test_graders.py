"""What stands in for a Lambda: what is missing or wrong with an entry is said; a judge gets a key that ends with it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outcrop.config import Settings
from outcrop.errors import ValidationException
from outcrop.jobs import graders
from outcrop.keys import Keys
from outcrop.store.records import Records

ARN = "arn:aws:lambda:us-east-1:123456789012:function:grade"

WRONG = [
    ("", "exactly one of python, url, model"),
    ('url = "http://a"\npython = "a.py:b"', "exactly one of python, url, model"),
    ('model = "m"', "a judge needs criteria"),
    ("url = 3", "url is unknown or of the wrong type"),
    ('url = "http://a"\nretries = 3', "retries is unknown"),
    ("url =", "cannot be read"),
]


def entry(home: Path, name: str, text: str) -> None:
    (home / "graders").mkdir(exist_ok=True)
    (home / "graders" / name).write_text(text)


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_a_wrong_entry_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    entry(tmp_path, "grade.toml", text)
    with pytest.raises(ValidationException) as raised:
        graders.find(tmp_path, ARN)
    assert says in raised.value.message


def test_a_missing_entry_is_asked_for_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValidationException) as raised:
        graders.find(tmp_path, ARN)
    assert "put grade.py with lambda_handler(event, context), or grade.toml, into" in raised.value.message


def test_entries(tmp_path: Path) -> None:
    entry(tmp_path, "grade.py", "")
    assert graders.find(tmp_path, f"{ARN}:$LATEST") == {"python": f"{tmp_path}/graders/grade.py:lambda_handler"}
    entry(tmp_path, "grade.toml", 'python = "other.py:score"\ntimeout_s = 3')
    assert graders.find(tmp_path, ARN) == {"python": f"{tmp_path}/graders/other.py:score", "timeout_s": 3}


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[Keys]:
    records = await Records.open(f"sqlite+aiosqlite:///{tmp_path / 'outcrop.db'}")
    yield await Keys.open(records, tmp_path, "000000000000")
    await records.close()


async def test_a_judge_is_asked_with_a_key_of_the_jobs_own(tmp_path: Path, keys: Keys) -> None:
    settings = dataclasses.replace(Settings(), home=tmp_path, host="0.0.0.0", port=9)
    judge = {"model": "m", "criteria": "c"}
    first = await graders.with_service(judge, settings, keys, "job1")
    second = await graders.with_service(judge, settings, keys, "job1")  # made again after a kill: one key stays
    assert second["service"]["url"] == "http://127.0.0.1:9"
    assert (await keys.bearer(second["service"]["key"])).id
    with pytest.raises(Exception, match="API Key"):
        await keys.bearer(first["service"]["key"])
    await graders.forget(keys, "job1")
    with pytest.raises(Exception, match="API Key"):
        await keys.bearer(second["service"]["key"])


async def test_what_is_no_judge_gets_no_key(tmp_path: Path, keys: Keys) -> None:
    entry = {"url": "http://a"}
    assert await graders.with_service(entry, Settings(home=tmp_path), keys, "job1") == entry
    assert await keys.list() == []
