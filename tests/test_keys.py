"""Access keys: stolen databases, wrong master keys, revocation elsewhere and two processes first."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from outcrop import keys as module
from outcrop.errors import (
    AccessDeniedException,
    ExpiredTokenException,
    ResourceNotFoundException,
    ServiceUnavailableException,
    UnknownApiKeyException,
    ValidationException,
)
from outcrop.keys import EXPIRED_KEY, Keys, MasterKey
from outcrop.store.records import Records
from outcrop.store.tables import access_keys


def url(home: Path) -> str:
    return f"sqlite+aiosqlite:///{home}/outcrop.db"


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    opened = await Records.open(url(tmp_path))
    yield opened
    await opened.close()


@pytest.fixture
async def keys(records: Records, tmp_path: Path) -> Keys:
    return await Keys.open(records, tmp_path, "123456789012")


def stolen_files(*folders: Path) -> list[tuple[Path, str]]:
    """The databases and their journals."""
    return [(folder, name) for folder in folders for name in os.listdir(folder) if name.startswith("outcrop.db")]


def run(code: str, *arguments: str, times: int = 1) -> list[bytes]:
    """What `code` prints, in as many processes at once."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(times)]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert not any(process.returncode for process in processes)
    return said


async def test_a_stolen_database_is_of_no_use(keys: Keys, records: Records, tmp_path: Path) -> None:
    pair, token = await keys.create("ada"), await keys.create("bob", "api-key")
    inner = base64.b64decode(token.secret.removeprefix("ABSK")).decode()
    thief = tmp_path / "thief"
    thief.mkdir()
    with sqlite3.connect(tmp_path / "outcrop.db") as db:
        db.execute("VACUUM INTO ?", [str(thief / "outcrop.db")])
    db.close()
    taken = b"".join((folder / name).read_bytes() for folder, name in stolen_files(thief, tmp_path))
    for secret in (pair.secret, token.secret, inner, inner.partition(":")[2], (tmp_path / "master.key").read_bytes()):
        assert (secret if isinstance(secret, bytes) else secret.encode()) not in taken
    stolen = await Records.open(url(thief))
    theirs = await Keys.open(stolen, thief)
    with pytest.raises(ServiceUnavailableException, match=r"master\.key is missing"):
        await theirs.secret(pair.key.id)
    MasterKey.open(thief / "master.key")  # a master key of their own does not help
    theirs = await Keys.open(stolen, thief)
    with pytest.raises(ServiceUnavailableException, match="does not open"):
        await theirs.secret(pair.key.id)
    with pytest.raises(AccessDeniedException):
        await theirs.bearer((await _row(stolen, token.key.id))["digest"].hex())
    await stolen.close()


async def _row(records: Records, key_id: str) -> dict:
    async with records.read() as db:
        return dict((await db.execute(access_keys.select().where(access_keys.c.id == key_id))).mappings().one())


async def test_a_sealed_secret_opens_only_in_its_own_row(keys: Keys, records: Records) -> None:
    mallory, victim = await keys.create("mallory"), await keys.create("victim")
    sealed = (await _row(records, mallory.key.id))["sealed"]
    async with records.write() as db:
        await db.execute(update(access_keys).where(access_keys.c.id == victim.key.id).values(sealed=sealed))
    await keys.create("refresh")
    with pytest.raises(ServiceUnavailableException, match=f"{victim.key.id} does not open"):
        await keys.secret(victim.key.id)
    assert await keys.secret(mallory.key.id) == mallory.secret


async def test_every_changed_bit_of_a_sealed_secret_is_noticed(tmp_path: Path) -> None:
    master = MasterKey.open(tmp_path / "master.key")
    sealed = master.seal("secret", "AKIA")
    assert master.unseal(sealed, "AKIA") == "secret" and master.seal("secret", "AKIA") != sealed
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(ServiceUnavailableException):
            master.unseal(changed, "AKIA")


async def test_a_lost_master_key_is_told_at_the_start_and_can_be_recovered_from(
    keys: Keys, records: Records, tmp_path: Path
) -> None:
    first = await keys.ensure_first()
    assert first is not None
    shutil.move(tmp_path / "master.key", tmp_path / "kept")
    again = await Keys.open(records, tmp_path)
    with pytest.raises(ServiceUnavailableException, match=rf"{tmp_path}/master\.key is missing"):
        await again.ensure_first()
    with pytest.raises(ServiceUnavailableException, match="is missing"):
        await again.create("new")
    assert not (tmp_path / "master.key").exists()
    await again.revoke(first.key.id)
    fresh = await Keys.open(records, tmp_path)
    pair = await fresh.create("new")
    assert await fresh.secret(pair.key.id) == pair.secret


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
async def test_a_damaged_master_key_is_told(records: Records, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "master.key").write_bytes(content)
    with pytest.raises(ServiceUnavailableException, match="damaged"):
        await Keys.open(records, tmp_path)


async def test_the_master_key_is_its_owners_alone(keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "master.key"
    assert os.stat(path).st_mode & 0o777 == 0o600
    os.chmod(path, 0o644)
    MasterKey.open(path)
    assert "can be read by other users" in caplog.text


async def test_what_another_process_revokes_is_refused_within_two_seconds(
    keys: Keys, records: Records, tmp_path: Path
) -> None:
    pair, token = await keys.create("ada"), await keys.create("bob", "api-key")
    assert await keys.secret(pair.key.id) == pair.secret and await keys.bearer(token.secret) == token.key
    code = f"""
import asyncio, sys
from pathlib import Path
from outcrop.keys import Keys
from outcrop.store.records import Records
async def main():
    records = await Records.open({url(tmp_path)!r})
    keys = await Keys.open(records, Path({str(tmp_path)!r}))
    for key in sys.argv[1:]:
        await keys.revoke(key)
    await records.close()
asyncio.run(main())
"""
    run(code, pair.key.id, token.key.id)
    await asyncio.sleep(module.REFRESH_S)
    assert module.REFRESH_S < 2
    assert await keys.secret(pair.key.id) is None
    with pytest.raises(UnknownApiKeyException):
        await keys.bearer(token.secret)


async def test_two_revocations_of_one_moment_both_count(keys: Keys, records: Records, tmp_path: Path) -> None:
    pairs = [await keys.create(name) for name in ("a", "b")]
    other = await Keys.open(records, tmp_path)
    for pair in pairs:
        assert await other.secret(pair.key.id) == pair.secret
        await keys.revoke(pair.key.id)
        other._read_at = float("-inf")
        assert await other.secret(pair.key.id) is None


async def test_processes_that_start_at_once_share_one_first_key(tmp_path: Path) -> None:
    code = f"""
import asyncio
from pathlib import Path
from outcrop.keys import Keys
from outcrop.store.records import Records
async def main():
    records = await Records.open({url(tmp_path)!r})
    first = await (await Keys.open(records, Path({str(tmp_path)!r}))).ensure_first()
    print(first.key.id, first.secret)
    await records.close()
asyncio.run(main())
"""
    said = set(run(code, times=3))
    assert len(said) == 1 and re.fullmatch(rb"AKIA[A-Z2-7]{16} [A-Za-z0-9+/]{40}\n", said.pop())


async def test_unknown_keys_at_once_share_their_queries(
    keys: Keys, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 60)
    await keys.create("ada")
    queries, read = [], records.read
    monkeypatch.setattr(records, "read", lambda: queries.append(1) or read())
    assert await asyncio.gather(*(keys.secret(f"AKIA{n}") for n in range(500))) == [None] * 500
    strangers = (keys.bearer(f"ABSK{n}") for n in range(500))
    refused = await asyncio.gather(*strangers, return_exceptions=True)
    assert {type(error) for error in refused} == {UnknownApiKeyException}
    assert len(queries) <= 4


async def test_unknown_keys_one_after_the_other_wait_for_their_queries(
    keys: Keys, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MISS_S", 0.2)
    begun = time.monotonic()
    for n in range(4):
        assert await keys.secret(f"AKIA{n}") is None
    assert time.monotonic() - begun > 0.5


async def test_a_key_that_another_process_made_this_moment_is_known(
    keys: Keys, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 60)
    other = await Keys.open(records, tmp_path)
    for kind in ("iam", "api-key"):
        assert await keys.secret("AKIANOBODY") is None  # what is in memory is as new as can be
        new = await other.create("ada", kind)
        found = await (keys.key(new.key.id) if kind == "iam" else keys.bearer(new.secret))
        assert found == new.key


async def test_a_database_that_fails_refuses_rather_than_trusts_old_keys(
    keys: Keys, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = await keys.create("ada")
    assert await keys.secret(pair.key.id)
    monkeypatch.setattr(module, "REFRESH_S", 0)

    def broken() -> None:
        raise ServiceUnavailableException("gone")

    monkeypatch.setattr(records, "read", broken)
    with pytest.raises(ServiceUnavailableException):
        await keys.secret(pair.key.id)
    monkeypatch.undo()
    assert await keys.secret(pair.key.id) == pair.secret


async def test_keys_expire(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, token = await keys.create("ada", expires_s=60), await keys.create("bob", "api-key", 60)
    assert token.key.expires == token.key.created + 60 and pair.key.active
    assert await keys.secret(pair.key.id) == pair.secret
    later = pair.key.created + 61
    monkeypatch.setattr(module.time, "time", lambda: later)
    assert await keys.secret(pair.key.id) is None and await keys.key(pair.key.id) is None
    assert await keys.first() is None
    with pytest.raises(ExpiredTokenException, match=EXPIRED_KEY):
        await keys.bearer(token.secret)
    assert [key.active for key in await keys.list()] == [False, False]


async def test_revoking_forgets_the_secret_and_remembers_the_name(keys: Keys, records: Records) -> None:
    for kind in ("iam", "api-key"):
        new = await keys.create("ada", kind)
        await keys.revoke(new.key.id)
        await keys.revoke(new.key.id)
        row = await _row(records, new.key.id)
        assert row["sealed"] is None and row["digest"] is None
    assert [(key.name, key.active) for key in await keys.list()] == [("ada", False)] * 2
    with pytest.raises(ResourceNotFoundException, match="AKIANONE"):
        await keys.revoke("AKIANONE")


async def test_the_first_pair_is_made_once_and_never_again(keys: Keys) -> None:
    first = await keys.ensure_first()
    assert first is not None and first == await keys.ensure_first() == await keys.first()
    second = await keys.create("second")
    await keys.revoke(first.key.id)
    assert (found := await keys.ensure_first()) and found.key == second.key
    await keys.revoke(second.key.id)
    assert await keys.ensure_first() is None


async def test_forms_are_awss(keys: Keys) -> None:
    pair, token = await keys.create("ada"), await keys.create("bob", "api-key")
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", pair.key.id) and len(pair.secret) == 40
    inside = base64.b64decode(token.secret.removeprefix("ABSK"), validate=True).decode()
    name, _, random = inside.partition(":")
    assert token.secret.startswith("ABSKQmVkcm9ja0FQSUtleS") and name == f"{token.key.id}-at-123456789012"
    assert len(base64.b64decode(random)) == 32


async def test_secrets_do_not_show_in_logs(keys: Keys) -> None:
    new = await keys.create("ada")
    assert new.secret not in repr(new) and new.secret not in f"{vars(keys)}"


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "é", "a/b", "a\n"])
async def test_names_are_iams(keys: Keys, name: str) -> None:
    with pytest.raises(ValidationException, match="name"):
        await keys.create(name)


@pytest.mark.parametrize("expires_s", [0, -1, module.MAX_EXPIRY_S + 1])
async def test_expiry_is_bounded(keys: Keys, expires_s: int) -> None:
    with pytest.raises(ValidationException, match="seconds"):
        await keys.create("ada", "api-key", expires_s)


@pytest.mark.parametrize("token", ["", "ABSK", "x" * 100_000, "\udcff", "é"])
async def test_strange_tokens_are_refused(keys: Keys, token: str) -> None:
    with pytest.raises(UnknownApiKeyException):
        await keys.bearer(token)
