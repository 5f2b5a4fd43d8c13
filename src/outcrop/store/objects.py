"""Objects by `s3://bucket/key` URL: files under home/objects/<bucket>/ by default, or a real S3 endpoint.

Knows nothing of what objects hold. Every failure is one of three: ValidationException (the URL cannot be),
ResourceNotFoundException (no such bucket or object), ServiceUnavailableException (the store is full, unreachable or
refuses us). A put is whole or not at all; of two at once the later one stays.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import LocalStore, ObjectStore, S3Store

from ..config import Settings
from ..errors import ResourceNotFoundException, ServiceError, ServiceUnavailableException, ValidationException

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
"""S3's rule: 3 to 63 of lower-case letters, digits, dots and hyphens, a letter or digit at both ends."""

MISPLACED = ("os error 17", "os error 20", "os error 21", "is a directory")
"""How a file in a folder's place, or the reverse, reads in obstore's messages: EEXIST, ENOTDIR, EISDIR."""

PIECE = 4 << 20
"""Bytes read at a time from an object that is copied into a file."""
KEY_LIMIT = 1024
SEGMENT_LIMIT = 255
"""Bytes of a whole key (S3's limit) and of one part between slashes (what a file system takes)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STAGING = re.compile(r"#\d+$")
"""obstore's name for a local file that is still being written."""


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket and a key; the key is empty for a bucket itself."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    url: str
    size: int
    """Bytes."""
    modified: datetime
    etag: str | None


class Objects:
    """The store. One instance serves any number of callers at once."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.home / "objects"
        self._remote = _remote(settings)
        self._stores: dict[str, ObjectStore] = {}

    async def put(self, url: str, data: bytes | Path) -> None:
        """Write an object whole; a Path is sent in parts, without being read into memory.

        In a local folder a key cannot also be the folder of another key (`a` beside `a/b`): ValidationException.
        """
        place = parse(url)
        _check_source(data)
        with _translated(place, conflict):
            await obstore.put_async(self._bucket(place), place.key, data)

    async def get(self, url: str) -> bytes:
        place = parse(url)
        with _translated(place, absent):
            found = await obstore.get_async(self._bucket(place), place.key)
            return bytes(await found.bytes_async())

    async def fetch(self, url: str, path: Path) -> None:
        """Copy an object into a file, piece by piece: the file appears whole or not at all. OSError for its disk."""
        place = parse(url)
        temporary = path.with_name(f".{path.name}.part")
        with _translated(place, absent):
            found = await obstore.get_async(self._bucket(place), place.key)
            pieces = found.stream(min_chunk_size=PIECE)
        try:
            with temporary.open("wb") as file:
                while piece := await _next(pieces, place):
                    await asyncio.to_thread(file.write, piece)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    async def head(self, url: str) -> ObjectInfo:
        place = parse(url)
        with _translated(place, absent):
            return _info(place.bucket, await obstore.head_async(self._bucket(place), place.key))

    async def list(self, url: str) -> list[ObjectInfo]:
        """All objects whose key begins with the URL's key, in order of their keys."""
        place = parse(url, prefix=True)
        folder = place.key.rpartition("/")[0]  # obstore's prefixes end at a slash, S3's anywhere
        with _translated(place, absent):
            found = await obstore.list(self._bucket(place), prefix=folder or None).collect_async()
        return [_info(place.bucket, meta) for meta in sorted(found, key=_path) if meta["path"].startswith(place.key)]

    async def delete(self, url: str) -> None:
        """Remove an object; as with S3, one that is not there is no error."""
        place = parse(url)
        store = self._bucket(place)
        try:
            with _translated(place, absent):
                await obstore.delete_async(store, place.key)
        except ResourceNotFoundException as error:
            if "bucket" in error.message:
                raise

    def check_below(self, url: str) -> None:
        """ValidationException where nothing can be put below the URL: among local files an object is in the way."""
        place = parse(url, prefix=True)
        top = self.root / place.bucket
        path = top / place.key
        if not self._remote and any(folder.is_file() for folder in (path, *path.parents) if folder.is_relative_to(top)):
            raise ValidationException(f"Nothing can be put below {place}: it is an object, or lies below one.")

    def create_bucket(self, name: str) -> None:
        """Make a bucket that is a local folder; one that is there already is no error."""
        place = parse(f"s3://{name}/", prefix=True)
        if self._remote:
            raise ValidationException("Buckets of a remote object store are made there, not here.")
        with _translated(place, conflict):
            (self.root / place.bucket).mkdir(mode=0o700, parents=True, exist_ok=True)

    def _bucket(self, place: Place) -> ObjectStore:
        if self._remote:
            if place.bucket not in self._stores:
                self._stores[place.bucket] = self._remote(place.bucket)
            return self._stores[place.bucket]
        if not (self.root / place.bucket).is_dir():
            raise ResourceNotFoundException(f"The specified bucket does not exist: {place.bucket}")
        return LocalStore(self.root / place.bucket)


def parse(url: str, prefix: bool = False) -> Place:
    """Split an S3 URL. ValidationException for anything that could name something other than one object.

    The key is taken as it stands: `%2e%2e` is a name of six characters, and is decoded nowhere.
    With `prefix` the key may be empty and may end in a slash.
    """
    scheme, separator, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not separator or not BUCKET.fullmatch(bucket) or ".." in bucket:
        raise ValidationException(f"Invalid S3 URI: {_shown(url)}")
    if not prefix or key:
        _check_key(url, key.removesuffix("/") if prefix else key)
    return Place(bucket, key)


def _check_source(data: bytes | Path) -> None:
    """A missing source is its caller's FileNotFoundError, not a missing object."""
    if isinstance(data, Path):
        data.stat()


def _check_key(url: str, key: str) -> None:
    parts = key.split("/")
    sizes = [_size(url, part) for part in parts]
    if {"", ".", ".."} & set(parts) or _CONTROL.search(key) or _STAGING.search(key):
        raise ValidationException(f"Invalid key in S3 URI: {_shown(url)}")
    if max(sizes) > SEGMENT_LIMIT or sum(sizes) + len(parts) - 1 > KEY_LIMIT:
        raise ValidationException(f"The key is too long in S3 URI: {_shown(url)}")


def _size(url: str, part: str) -> int:
    try:
        return len(part.encode())
    except UnicodeEncodeError as error:
        raise ValidationException(f"Invalid key in S3 URI: {_shown(url)}") from error


def _shown(url: str) -> str:
    return ascii(url[:200])


Misplaced = Callable[[Place], ServiceError]


def absent(place: Place) -> ServiceError:
    return ResourceNotFoundException(f"The specified key does not exist: {place}")


def conflict(place: Place) -> ServiceError:
    return ValidationException(f"The key cannot be kept beside the keys that are there: {place}")


@contextmanager
def _translated(place: Place, misplaced: Misplaced) -> Iterator[None]:
    """Errors of ours for obstore's (its own tree, builtin errors and bare ValueErrors), cut to their first line: the
    rest is a debug dump. `misplaced` makes the error for a folder met where a file should be, or the reverse."""
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:
        reason = str(error).split("\n")[0]
        if any(sign in reason for sign in MISPLACED):
            raise misplaced(place) from error
        if isinstance(error, FileNotFoundError) and "NoSuchBucket" in str(error):
            raise ResourceNotFoundException(f"The specified bucket does not exist: {place.bucket}") from error
        if isinstance(error, FileNotFoundError):
            raise absent(place) from error
        raise ServiceUnavailableException(f"The object store cannot serve {place}: {reason}") from error


async def _next(pieces: AsyncIterator[bytes], place: Place) -> bytes | None:
    """The next piece of an object that is being read; None at its end."""
    with _translated(place, absent):
        return await anext(pieces, None)


Opener = Callable[[str], ObjectStore]


def _remote(settings: Settings) -> Opener | None:
    """What opens a bucket of an S3 endpoint; None when objects are local files."""
    url, endpoint = settings.objects_url, settings.objects_endpoint
    if not url:
        return None
    if url != "s3://":
        raise ValueError(f"setting objects_url: {url!r} is neither empty (a local folder) nor s3://")
    config: S3Config = {"region": settings.region}
    if endpoint:
        config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    client: ClientConfig = {"allow_http": endpoint.startswith("http://"), "connect_timeout": "5s", "timeout": "60s"}
    retry: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
    keys = _Credentials()

    def open_bucket(name: str) -> ObjectStore:
        return S3Store(name, config=config, client_options=client, retry_config=retry, credential_provider=keys)

    return open_bucket


class _Credentials:
    """What obstore asks for keys: botocore's chain, looked up at first use."""

    def __init__(self) -> None:
        self.config: S3Config = {}  # an attribute that obstore reads
        self._found: Any = None

    def __call__(self) -> Any:
        if self._found is None:
            import botocore.session

            self._found = botocore.session.get_session().get_credentials()
        if self._found is None:
            raise ServiceUnavailableException("No AWS credentials were found for the object store.")
        keys = self._found.get_frozen_credentials()
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": datetime.now(UTC) + timedelta(minutes=15),
        }


def _path(meta: Any) -> str:
    return meta["path"]


def _info(bucket: str, meta: Any) -> ObjectInfo:
    return ObjectInfo(f"s3://{bucket}/{meta['path']}", meta["size"], meta["last_modified"], meta["e_tag"])
