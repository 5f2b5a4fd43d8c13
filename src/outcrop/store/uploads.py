"""Multipart uploads on the disk: parts under home/objects/.s3/uploads, until one rename makes them an object.

Knows nothing of HTTP or of S3's rules for parts; those are endpoints/s3/multipart.py's. Calls block on the disk.

    .s3/uploads/<bucket>/<upload id>/upload.json      what was asked for when it began
                                     /00001.json      a part: its size, its digests, the name of its file
                                     /<random>        its bytes
A part's JSON is replaced whole, and names its bytes: two senders of one part leave one of the two.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

import orjson

from ..errors import ResourceNotFoundException
from .files import write_whole
from .folder import Folder, Staged
from .sidecars import Attributes


class NoUpload(ResourceNotFoundException):
    pass


@dataclass(frozen=True, slots=True)
class Upload:
    id: str
    key: str
    started: float
    """Seconds since the epoch."""
    attributes: Attributes
    """Of the object to come; its checksums and ETag are not known yet."""
    algorithm: str = ""
    """Checksum that its parts carry (`crc32`)."""


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    size: int
    md5: str
    """Hex; also its ETag."""
    modified: float
    file: str
    checksums: dict[str, str] = field(default_factory=dict)
    """Algorithm -> base64."""


class _Lock:
    """A lock that can be forgotten when nobody holds it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class Uploads:
    """All uploads under way in a folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._root = folder.hidden / "uploads"
        self._locks: WeakValueDictionary[str, _Lock] = WeakValueDictionary()
        self._guard = threading.Lock()

    def create(self, bucket: str, key: str, attributes: Attributes, algorithm: str) -> Upload:
        self._folder.check(bucket, key)
        upload = Upload(secrets.token_urlsafe(24), key, time.time(), attributes, algorithm)
        path = self._root / bucket / upload.id
        path.mkdir(mode=0o700, parents=True)
        write_whole(path / "upload.json", orjson.dumps(asdict(upload)), 0o600)
        return upload

    def get(self, bucket: str, key: str, upload_id: str) -> Upload:
        """NoBucket; NoUpload also when it is another key's."""
        self._folder.check(bucket, key)
        found = self._read(self._root / bucket / upload_id) if _ID.fullmatch(upload_id) else None
        if found is None or found.key != key:
            raise NoUpload(upload_id)
        return found

    def list(self, bucket: str) -> list[Upload]:
        """By key, then by age."""
        self._folder.bucket(bucket)
        paths = (self._root / bucket).iterdir() if (self._root / bucket).is_dir() else ()
        found = [upload for path in paths if (upload := self._read(path))]
        return sorted(found, key=lambda upload: (upload.key.encode(), upload.started))

    def add(self, bucket: str, upload: Upload, staged: Staged, part: Part) -> None:
        """Keep a finished file as a part; it replaces an earlier one of that number."""
        path = self._path(bucket, upload)
        with self.held(bucket, upload):
            before = _part(path / f"{part.number:05}.json")
            os.replace(staged.path, path / part.file)
            write_whole(path / f"{part.number:05}.json", orjson.dumps(asdict(part)), 0o600)
            if before:
                (path / before.file).unlink(missing_ok=True)

    def parts(self, bucket: str, upload: Upload) -> list[Part]:
        """By number."""
        found = sorted(self._path(bucket, upload).glob("[0-9][0-9][0-9][0-9][0-9].json"))
        return [part for path in found if (part := _part(path))]

    def bytes_of(self, bucket: str, upload: Upload, part: Part) -> Path:
        return self._path(bucket, upload) / part.file

    def remove(self, bucket: str, upload: Upload) -> None:
        self._folder.discard(self._path(bucket, upload))

    def remove_all(self, bucket: str) -> None:
        """A bucket's uploads end with it."""
        self._folder.discard(self._root / bucket)

    @contextmanager
    def held(self, bucket: str, upload: Upload) -> Iterator[None]:
        """Nobody else changes the upload meanwhile. NoUpload when it has ended."""
        with self._guard:
            mine = self._locks.setdefault(upload.id, _Lock())
        with mine.lock:
            if self._read(self._path(bucket, upload)) is None:
                raise NoUpload(upload.id)
            yield

    def _path(self, bucket: str, upload: Upload) -> Path:
        return self._root / bucket / upload.id

    def _read(self, path: Path) -> Upload | None:
        """None for one that is gone, or that a crash kept from beginning."""
        try:
            found = orjson.loads((path / "upload.json").read_bytes())
        except (OSError, ValueError):
            return None
        return Upload(**found | {"attributes": Attributes(**found["attributes"])})


def _part(path: Path) -> Part | None:
    try:
        return Part(**orjson.loads(path.read_bytes()))
    except (OSError, ValueError):
        return None


_ID = re.compile(r"[A-Za-z0-9_-]{32}")
"""What `create` makes, and so a name in our folder and not a path out of it."""
