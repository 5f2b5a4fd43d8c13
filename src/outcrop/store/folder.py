"""Buckets as folders and objects as files, below home/objects: the same files that store/objects.py reads and writes.

Knows nothing of HTTP or XML. Calls block on the disk: callers run them in threads. OSError is the disk's own trouble.

Nothing half made can be seen. An object is written under `.s3/staging`, out of every bucket, and moved into place by
one rename. Its sidecar is written just before and names both the file that is there and the one to come, so that a
kill between the two leaves the old object with its attributes or the new one with its own.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from ..errors import ConflictException, ResourceNotFoundException, ValidationException
from . import walk
from .objects import BUCKET, KEY_LIMIT, parse
from .sidecars import Attributes, Sidecars, etag_of, identity

STRIPES = 64


class BadBucketName(ValidationException):
    """Not a name that S3 allows."""


class BadKey(ValidationException):
    """A key that cannot be a file's path."""


class KeyTooLong(ValidationException):
    """More than 1,024 bytes."""


class Misplaced(ValidationException):
    """A key beside which no other can be kept: `a` beside `a/b`."""


class NoBucket(ResourceNotFoundException):
    pass


class NoObject(ResourceNotFoundException):
    pass


class BucketExists(ConflictException):
    pass


class BucketNotEmpty(ConflictException):
    pass


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as it was when asked for. `modified_ns` is nanoseconds since the epoch, `etag` has no quotes."""

    key: str
    size: int
    modified_ns: int
    etag: str
    attributes: Attributes


Guard = Callable[[Entry | None], None]
"""Looks at what a write would replace and raises to stop it."""


class Staged:
    """A file in the making. Used as a block: what is not committed by its end is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb")

    def __enter__(self) -> Staged:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()  # which writes what is left, and the disk may be full
        finally:
            self.path.unlink(missing_ok=True)

    def write(self, block: bytes) -> None:
        self._file.write(block)

    def finish(self) -> None:
        """On the disk, whole."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


class Folder:
    """All buckets. One instance serves any number of threads; other processes may put files in through obstore."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hidden = root / ".s3"  # no bucket's name begins with a dot
        self._sidecars = Sidecars(self.hidden / "attributes")
        self._made = self.hidden / "buckets"
        self._staging = self.hidden / "staging"
        self._keys = [threading.Lock() for _ in range(STRIPES)]
        self._tree = threading.Lock()  # folders are made for one object and dropped after another
        self._clock = 0
        shutil.rmtree(self._staging, ignore_errors=True)  # what an earlier process left

    # Buckets

    def buckets(self) -> list[tuple[str, float]]:
        """(name, seconds since the epoch) of every bucket, by name."""
        found = self.root.iterdir() if self.root.is_dir() else ()
        return [(path.name, self._created(path)) for path in sorted(found) if _is_bucket(path)]

    def create_bucket(self, name: str) -> None:
        check_bucket_name(name)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            (self.root / name).mkdir(mode=0o700)
        except FileExistsError:
            raise BucketExists(name) from None
        self._made.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._made / name).write_bytes(b"")

    def delete_bucket(self, name: str) -> None:
        path = self.bucket(name)
        if next(walk.files(path, b""), None) is not None:
            raise BucketNotEmpty(name)
        with self._tree:
            walk.remove_unfinished(path)
            if not walk.remove_empty(path):
                raise BucketNotEmpty(name)
        self._sidecars.forget_bucket(name)
        (self._made / name).unlink(missing_ok=True)

    def bucket(self, name: str) -> Path:
        """The folder of a bucket. BadBucketName, NoBucket."""
        check_bucket_name(name)
        path = self.root / name
        if not path.is_dir():
            raise NoBucket(name)
        return path

    def _created(self, path: Path) -> float:
        """A folder's own time changes with what is put into it."""
        mark = self._made / path.name
        return mark.stat().st_mtime if mark.exists() else path.stat().st_ctime

    # Objects

    def open(self, bucket: str, key: str) -> tuple[Entry, BinaryIO]:
        """An object and its bytes: the file stays what it is, whatever becomes of the key. NoObject."""
        try:
            file = self._path(bucket, key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, BadKey):
            raise NoObject(key) from None
        return self._entry(bucket, key, os.fstat(file.fileno())), file

    def head(self, bucket: str, key: str) -> Entry:
        found = self._find(bucket, key)
        if found is None:
            raise NoObject(key)
        return found

    def keys(self, bucket: str, prefix: str = "", after: str = "", folders: bool = False) -> Iterator[str]:
        """Keys that begin with `prefix` and come after `after`, in order of their bytes.

        With `folders` the keys below a folder are one entry, its path up to the slash, as a delimiter `/` has it.
        """
        path = self.bucket(bucket)
        base = prefix.rpartition("/")[0]
        if "/" in prefix and not _is_key(bucket, base):
            return  # no key begins so, and a walk from there would leave the bucket
        for name in walk.files(path, prefix.encode(errors="replace"), after.encode(errors="replace"), folders):
            yield name.decode()

    def stage(self) -> Staged:
        """A new file out of sight."""
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Staged(self._staging / secrets.token_hex(16))

    def discard(self, path: Path) -> None:
        """Make a folder of ours vanish at once, then delete it."""
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        gone = self._staging / secrets.token_hex(16)
        try:
            path.rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)

    def commit(
        self, bucket: str, key: str, staged: Staged, attributes: Attributes, guard: Guard | None = None
    ) -> Entry:
        """Make a finished file the object of that key. Raises what `guard` raises, Misplaced, NoBucket."""
        path = self._path(bucket, key)
        with self._key(bucket, key):
            before = self._find(bucket, key)
            if guard:
                guard(before)
            stat = self._stamped(staged.path)
            kept = {_identity(before): before.attributes} if before else {}
            self._sidecars.write(bucket, key, kept | {identity(stat): attributes})
            self._place(staged.path, path, bucket)
        return _entry(key, stat, attributes)

    def delete(self, bucket: str, key: str, guard: Guard | None = None) -> None:
        """Remove an object, and the folders that only it was in; one that is not there is no error."""
        path = self.bucket(bucket) / key
        with self._key(bucket, key):
            found = self._find(bucket, key)
            if guard:
                guard(found)
            if found is None:
                return
            with self._tree:
                path.unlink(missing_ok=True)
                self._prune(path.parent, self.root / bucket)
            self._sidecars.forget(bucket, key)

    def check(self, bucket: str, key: str) -> None:
        """BadBucketName, NoBucket, KeyTooLong or BadKey, before a byte is written."""
        self._path(bucket, key)

    def _path(self, bucket: str, key: str) -> Path:
        path = self.bucket(bucket)
        check_key(bucket, key)
        return path / key

    def _find(self, bucket: str, key: str) -> Entry | None:
        try:
            path = self._path(bucket, key)
            stat = path.stat()
        except (FileNotFoundError, NotADirectoryError, BadKey):
            return None
        return self._entry(bucket, key, stat) if path.is_file() else None

    def _entry(self, bucket: str, key: str, stat: os.stat_result) -> Entry:
        return _entry(key, stat, self._sidecars.read(bucket, key, identity(stat)))

    @contextmanager
    def _key(self, bucket: str, key: str) -> Iterator[None]:
        with self._keys[hash((bucket, key)) % STRIPES]:
            yield

    def _stamped(self, path: Path) -> os.stat_result:
        """Give a file a time that no other file of ours has: kernels stamp files of one tick alike."""
        with self._tree:
            self._clock = max(time.time_ns(), self._clock + 1)
            os.utime(path, ns=(self._clock, self._clock))
        return path.stat()

    def _place(self, staged: Path, path: Path, bucket: str) -> None:
        with self._tree:
            self.bucket(bucket)
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if path.is_dir():
                    walk.remove_empty(path)
                os.replace(staged, path)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise Misplaced("The key cannot be kept beside the keys that are there.") from None

    def _prune(self, folder: Path, top: Path) -> None:
        while folder != top:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def check_bucket_name(name: str) -> None:
    if not BUCKET.fullmatch(name) or ".." in name:
        raise BadBucketName(name)


def check_key(bucket: str, key: str) -> None:
    """The rule of store/objects.py: one part of a path between two slashes, none of them `.` or `..`."""
    if len(key.encode(errors="surrogatepass")) > KEY_LIMIT:
        raise KeyTooLong(key)
    try:
        parse(f"s3://{bucket}/{key}")
    except ValidationException as error:
        raise BadKey(
            "The key cannot be kept as a file: it may not begin or end with a slash, nor hold `//`, `.` or `..` as a "
            "part, control characters, a part of more than 255 bytes, or end in `#` and digits."
        ) from error


def _is_key(bucket: str, key: str) -> bool:
    try:
        check_key(bucket, key)
    except ValidationException:
        return False
    return True


def _is_bucket(path: Path) -> bool:
    return path.is_dir() and bool(BUCKET.fullmatch(path.name)) and ".." not in path.name


def _identity(entry: Entry) -> str:
    return f"{entry.size}-{entry.modified_ns}"


def _entry(key: str, stat: os.stat_result, attributes: Attributes) -> Entry:
    etag = attributes.etag or etag_of(stat)
    return Entry(key, stat.st_size, stat.st_mtime_ns, etag, replace(attributes, etag=etag))
