"""Access keys: IAM-style key pairs for SigV4 and long-term API keys, made, found, listed and revoked.

Knows nothing of requests or signatures.

How secrets are kept
- An API key is 256 random bits that only its holder needs to know, so the database keeps its SHA-256. Slow hashes guard
  passwords that people choose; nobody searches 2**256 values, so here one would only slow the service.
- SigV4 signs with the secret itself, so a key pair's secret must be recoverable. It is sealed with AES-256-GCM under
  `master.key` in the home folder (mode 0600, never in the database). The key id is the associated data, so that a
  sealed secret moved to another row does not open. A stolen database, or its backup, is of no use alone; whoever reads
  both files, or the memory of the service, has the secrets. Losing master.key loses the key pairs, not the API keys.
- Revoking forgets the secret and keeps the row, so that `outcrop keys list` still tells whose key it was.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .errors import (
    ExpiredTokenException,
    ResourceNotFoundException,
    ServiceUnavailableException,
    UnknownApiKeyException,
    ValidationException,
)
from .store.files import create_once
from .store.records import Records
from .store.tables import access_keys, now

Kind = Literal["iam", "api-key"]

REFRESH_S = 1.0
"""How old the keys in memory may be: a revocation by another process takes effect within this time."""
MISS_S = 0.05
"""The least time between two readings for the sake of keys that are unknown."""

EXPIRED_KEY = "Bearer Token has expired"  # Bedrock's words

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """What may be shown of a key. Times are seconds since the epoch; `expires` None means never."""

    id: str
    kind: Kind
    name: str
    created: int
    expires: int | None = None
    revoked: int | None = None

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= time.time()

    @property
    def active(self) -> bool:
        return self.revoked is None and not self.expired


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its secret: a key pair's secret access key, or the whole API key."""

    key: Key
    secret: str = field(repr=False)


class MasterKey:
    """The key that seals secrets: 32 bytes in a file of their own."""

    def __init__(self, key: bytes, path: Path) -> None:
        self._cipher = AESGCM(key)
        self.path = path

    @classmethod
    def open(cls, path: Path) -> MasterKey:
        """Read the master key, or make it; two processes at once get the same one."""
        try:
            key = path.read_bytes() if path.exists() else create_once(path, secrets.token_bytes(32), 0o600)
            open_to_others = path.stat().st_mode & 0o077
        except OSError as error:
            raise ServiceUnavailableException(f"The master key {path} cannot be used: {error}.") from error
        if len(key) != 32:
            raise ServiceUnavailableException(f"The master key {path} is damaged: restore it from a backup.")
        if open_to_others:
            logger.warning("%s can be read by other users: chmod 600 it", path)
        return cls(key, path)

    def seal(self, secret: str, key_id: str) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), key_id.encode())

    def unseal(self, sealed: bytes, key_id: str) -> str:
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], key_id.encode()).decode()
        except InvalidTag as error:
            raise ServiceUnavailableException(
                f"The secret of {key_id} does not open with {self.path}: that is not the file it was sealed with, "
                "or the database was changed. Restore the file, or revoke the key and create another."
            ) from error


@dataclass(frozen=True, slots=True)
class _Known:
    """The unrevoked keys as they were read: every request, with a known key or not, is answered from here."""

    version: tuple[int, int]
    pairs: Mapping[str, tuple[Key, bytes]]
    """Access key id -> key and sealed secret."""
    tokens: Mapping[bytes, Key]
    """SHA-256 of an API key -> key."""


class Keys:
    """All access keys. Memory holds them as the database does, sealed or hashed, renewed once a second at most."""

    def __init__(self, records: Records, master: MasterKey | None, path: Path, account_id: str) -> None:
        self._records = records
        self._master = master
        self._master_path = path
        self._account_id = account_id
        self._known = _Known((0, 0), {}, {})
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    @classmethod
    async def open(cls, records: Records, home: Path, account_id: str = "000000000000") -> Keys:
        """Read `home/master.key`; make it only where nothing is sealed yet, or an older one would be papered over."""
        path = home / "master.key"
        lost = not path.exists() and await _any_sealed(records)
        return cls(records, None if lost else MasterKey.open(path), path, account_id)

    async def secret(self, access_key_id: str) -> str | None:
        """The secret access key, or None for a key that is unknown, revoked or expired."""
        key, sealed = await self._pair_of(access_key_id)
        return None if key is None or key.expired else self._sealer.unseal(sealed, key.id)

    async def bearer(self, token: str) -> Key:
        """The key whose API key this is. Raises UnknownApiKeyException or ExpiredTokenException."""
        digest = _digest(token)
        key = (await self._current()).tokens.get(digest) or (await self._renewed()).tokens.get(digest)
        if key is None:
            raise UnknownApiKeyException()
        if key.expired:
            raise ExpiredTokenException(EXPIRED_KEY)
        return key

    async def key(self, access_key_id: str) -> Key | None:
        """The key pair of that id, or None where `secret` answers None."""
        key, _ = await self._pair_of(access_key_id)
        return None if key is None or key.expired else key

    async def create(self, name: str, kind: Kind = "iam", expires_s: int | None = None) -> NewKey:
        """Make a key that lasts `expires_s` seconds, or for ever. An API key's secret cannot be shown again."""
        _check(name, expires_s)
        async with self._records.write() as db:
            new = await self._insert(db, name, kind, expires_s)
        self._read_at = float("-inf")
        return new

    async def ensure_first(self) -> NewKey | None:
        """At start: make a first key pair where there has never been a key, else answer what `first` does.

        Raises ServiceUnavailableException when master.key does not fit the database.
        """
        async with self._records.write() as db:
            if not await db.scalar(select(func.count()).select_from(access_keys)):
                return await self._insert(db, "first", "iam", None)
        return await self.first()

    async def first(self) -> NewKey | None:
        """The oldest key pair in use, which `outcrop env` prints; None when all are revoked or expired."""
        pairs = (await self._current()).pairs.values()
        in_use = sorted(
            ((key, sealed) for key, sealed in pairs if not key.expired), key=lambda p: (p[0].created, p[0].id)
        )
        return NewKey(in_use[0][0], self._sealer.unseal(in_use[0][1], in_use[0][0].id)) if in_use else None

    async def list(self) -> list[Key]:
        """All keys ever made, oldest first, revoked and expired ones too."""
        async with self._records.read() as db:
            rows = await db.execute(select(*KEY_COLUMNS).order_by(access_keys.c.created, access_keys.c.id))
            return [Key(*row) for row in rows]

    async def revoke(self, key_id: str) -> None:
        """Refuse the key for ever: here at once, in other processes within REFRESH_S. Twice is no error."""
        forget = update(access_keys).where(access_keys.c.id == key_id, access_keys.c.revoked.is_(None))
        async with self._records.write() as db:
            if await db.scalar(select(access_keys.c.id).where(access_keys.c.id == key_id)) is None:
                raise ResourceNotFoundException(f"There is no access key {key_id}.")
            await db.execute(forget.values(revoked=now(), sealed=None, digest=None))
        self._read_at = float("-inf")

    @property
    def _sealer(self) -> MasterKey:
        if self._master is None:
            raise ServiceUnavailableException(
                f"{self._master_path} is missing, and the database holds key pairs sealed with it. Restore it from a "
                "backup, or revoke every key pair (outcrop keys revoke ID) and start again."
            )
        return self._master

    async def _insert(self, db: AsyncConnection, name: str, kind: Kind, expires_s: int | None) -> NewKey:
        made = now()
        expires = None if expires_s is None else made + expires_s
        key_id, secret = _pair() if kind == "iam" else _api_key(self._account_id)
        kept = {"sealed": self._sealer.seal(secret, key_id)} if kind == "iam" else {"digest": _digest(secret)}
        row = {"id": key_id, "kind": kind, "name": name, "created": made, "expires": expires}
        await db.execute(insert(access_keys).values(**row, **kept))
        return NewKey(Key(**row), secret)

    async def _current(self) -> _Known:
        """The keys, read again when REFRESH_S old. Callers that come at once share one reading."""
        if time.monotonic() - self._read_at >= REFRESH_S:
            async with self._reading:
                if time.monotonic() - self._read_at >= REFRESH_S:
                    await self._refresh()
        return self._known

    async def _pair_of(self, access_key_id: str) -> tuple[Key | None, bytes]:
        pairs = (await self._current()).pairs
        if access_key_id not in pairs:
            pairs = (await self._renewed()).pairs
        return pairs.get(access_key_id, (None, b""))

    async def _renewed(self) -> _Known:
        """The keys, read since this was called: an unknown one may have been made a moment ago by another process.
        Strangers share readings, MISS_S apart, so that unknown keys cost little however many come."""
        called = time.monotonic()
        async with self._reading:
            if self._read_at < called:
                await asyncio.sleep(self._read_at + MISS_S - time.monotonic())
                await self._refresh()
        return self._known

    async def _refresh(self) -> None:
        asked = time.monotonic()
        async with self._records.read() as db:
            total, revoked = (await db.execute(VERSION)).one()
            if (total, revoked) != self._known.version:
                rows = (await db.execute(select(access_keys).where(access_keys.c.revoked.is_(None)))).all()
                self._known = _known((total, revoked), rows)
        self._read_at = asked


KEY_COLUMNS = [access_keys.c[f.name] for f in fields(Key)]

VERSION = select(func.count(), func.count(access_keys.c.revoked)).select_from(access_keys)
"""Rows are only added, and only changed by revoking, once: these two counts tell every state from every other."""


def _known(version: tuple[int, int], rows: Sequence[Row]) -> _Known:
    keys = [(Key(row.id, row.kind, row.name, row.created, row.expires), row) for row in rows]
    pairs = {key.id: (key, row.sealed) for key, row in keys if key.kind == "iam"}
    tokens = {row.digest: key for key, row in keys if key.kind == "api-key"}
    return _Known(version, pairs, tokens)


async def _any_sealed(records: Records) -> bool:
    async with records.read() as db:
        return await db.scalar(select(access_keys.c.id).where(access_keys.c.sealed.is_not(None)).limit(1)) is not None


def _check(name: str, expires_s: int | None) -> None:
    """IAM's rule for user names, which appear in ARNs."""
    if not re.fullmatch(r"[\w+=,.@-]{1,64}", name, re.ASCII):
        raise ValidationException("A key's name has 1 to 64 letters, digits or any of _+=,.@-")
    if expires_s is not None and not 0 < expires_s <= MAX_EXPIRY_S:
        raise ValidationException(f"A key lasts between 1 and {MAX_EXPIRY_S} seconds, or for ever.")


MAX_EXPIRY_S = 36_600 * 86_400
"""Bedrock's longest: 36,600 days."""


def _pair() -> tuple[str, str]:
    """Access key id and secret in IAM's form: AKIA and 16 base-32 characters; 240 random bits in 40 characters."""
    tail = "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
    return f"AKIA{tail}", base64.b64encode(secrets.token_bytes(30)).decode()


def _api_key(account_id: str) -> tuple[str, str]:
    """Id and API key in Bedrock's form: ABSK and the base64 of `BedrockAPIKey-<id>-at-<account>:<256 random bits>`."""
    key_id = f"BedrockAPIKey-{secrets.token_hex(6)}"
    whole = f"{key_id}-at-{account_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return key_id, f"ABSK{base64.b64encode(whole.encode()).decode()}"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
