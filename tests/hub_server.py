"""A hub on this machine: enough of huggingface.co's protocol for the unmodified huggingface_hub client.

Model info with blobs, the tree, resolve with HEAD, ranges, etags, commit and LFS headers, and large files behind a
redirect to another path ("the CDN"). `Faults` makes it fail as the real one does.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS_FROM = 1024
"""Bytes from which a file counts as large: it has a SHA-256 and lies on the CDN."""


@dataclass
class Faults:
    """What goes wrong. Byte counts are of one answer's body; each entry of `drops` serves one answer."""

    drops: list[int] = field(default_factory=list)
    always_drop: int | None = None
    corrupt: set[str] = field(default_factory=set)
    no_ranges: bool = False
    statuses: list[int] = field(default_factory=list)
    """Statuses of the next CDN answers."""


@dataclass
class Hub:
    endpoint: str = ""
    cdn: str = ""
    """Another host, so that a client which sends its token there is found out."""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: dict[str, str] = field(default_factory=dict)
    """Repository -> the token that opens it."""
    faults: Faults = field(default_factory=Faults)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and Range header of every request, in order."""
    cdn_tokens: set[str | None] = field(default_factory=set)

    def ranges(self) -> list[str]:
        """The Range headers of the bodies that were asked for from the CDN."""
        return [asked for method, path, asked in self.seen if method == "GET" and path.startswith("/cdn/")]


@contextmanager
def serve() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    hub.cdn = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sibling(name: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": git_blob(data)}
    if len(data) >= LFS_FROM:
        entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.seen.append((self.command, path, self.headers.get("Range", "")))
        for pattern, answer in ROUTES:
            if found := re.fullmatch(pattern, path):
                return answer(self, *found.groups())
        return self.fail(404, "EntryNotFound", "no such path")

    def info(self, repo: str, revision: str | None = None) -> None:
        if not self.opened(repo) or not self.known(revision):
            return
        files = [sibling(name, data) for name, data in self.hub.repos[repo].items()]
        self.json({"id": repo, "modelId": repo, "sha": COMMIT, "siblings": files, "private": False, "tags": []})

    def tree(self, repo: str, revision: str) -> None:
        if not self.opened(repo) or not self.known(revision):
            return
        entries = []
        for name, data in self.hub.repos[repo].items():
            whole = sibling(name, data)
            entry = {"type": "file", "path": name, "size": len(data), "oid": whole["blobId"]}
            entries.append(entry | ({"lfs": {"oid": whole["lfs"]["sha256"], **whole["lfs"]}} if "lfs" in whole else {}))
        self.json(entries)

    def resolve(self, repo: str, revision: str, name: str) -> None:
        if not self.opened(repo) or not self.known(revision):
            return
        data = self.hub.repos[repo].get(name)
        if data is None:
            return self.fail(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if len(data) < LFS_FROM:
            return self.body(name, data, headers | {"ETag": f'"{git_blob(data)}"'})
        headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"'}
        headers |= {"Location": f"{self.hub.cdn}/cdn/{repo}/{name}?signature=1", "Content-Length": "0"}
        return self.head(302, headers)

    def cdn(self, repo: str, name: str) -> None:
        self.hub.cdn_tokens.add(self.headers.get("Authorization"))
        if self.hub.faults.statuses:
            return self.fail(self.hub.faults.statuses.pop(0), "", "later")
        return self.body(name, self.hub.repos[repo][name], {"Accept-Ranges": "bytes"})

    def body(self, name: str, data: bytes, headers: dict[str, str]) -> None:
        faults, begin, status = self.hub.faults, 0, 200
        if name in faults.corrupt:
            data = bytes([data[0] ^ 1]) + data[1:]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and not faults.no_ranges:
            begin, status = int(asked[1]), 206
            headers |= {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
        self.head(status, headers | {"Content-Length": str(len(data) - begin)})
        if self.command == "HEAD":
            return
        drop = faults.drops.pop(0) if faults.drops and len(data) >= LFS_FROM else faults.always_drop
        self.wfile.write(data[begin:] if drop is None else data[begin : begin + drop])
        if drop is not None and begin + drop < len(data):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)

    def opened(self, repo: str) -> bool:
        """Whether the repository may be seen; answers as the hub does when not."""
        wanted, given = self.hub.gated.get(repo), self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repo not in self.hub.repos:
            self.fail(401 if not given else 404, "RepoNotFound", "Repository not found")
        elif wanted and not given:
            self.fail(401, "GatedRepo", f"Access to model {repo} is restricted")
        elif wanted and given != wanted:
            self.fail(403, "GatedRepo", f"Access to model {repo} is restricted")
        else:
            return True
        return False

    def known(self, revision: str | None) -> bool:
        if revision in (None, "main", COMMIT):
            return True
        self.fail(404, "RevisionNotFound", "Invalid rev id")
        return False

    def json(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.head(200, {"Content-Type": "application/json", "Content-Length": str(len(data))})
        if self.command != "HEAD":
            self.wfile.write(data)

    def fail(self, status: int, code: str, message: str) -> None:
        data = json.dumps({"error": message}).encode()
        headers = {"X-Error-Code": code, "X-Error-Message": message, "Content-Length": str(len(data))}
        self.head(status, headers | {"Content-Type": "application/json"})
        if self.command != "HEAD":
            self.wfile.write(data)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


REPO = r"([\w.-]+/[\w.-]+)"
ROUTES = [
    (rf"/api/models/{REPO}", Handler.info),
    (rf"/api/models/{REPO}/revision/([^/]+)", Handler.info),
    (rf"/api/models/{REPO}/tree/([^/]+)/?", Handler.tree),
    (rf"/cdn/{REPO}/(.+)", Handler.cdn),
    (rf"/{REPO}/resolve/([^/]+)/(.+)", Handler.resolve),
]
