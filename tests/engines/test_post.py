"""The client towards engines, before servers that hang up, stall, lie about lengths or speak something else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outcrop.engines import connection, connections, post
from outcrop.engines.endpoint import KINDS, Endpoint
from outcrop.engines.post import Client
from outcrop.errors import ModelErrorException, ModelTimeoutException, ServiceError, ValidationException

from .test_process import eventually

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b'Content-Length: 9\r\n\r\n{"a": 17}'
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is closed here is closed for its own reason: nothing is closed because nobody used it for a while."""
    monkeypatch.setattr(connections, "IDLE_S", 600)


class Server:
    """Reads requests and plays a script at each; counts its connections and notes when a client leaves."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None, path: str = "") -> None:
        self.script, self.tls, self.path = script, tls, path
        self.connections = 0
        self.requests: list[bytes] = []
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Server:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        scheme, port = "https" if self.tls else "http", self.server.sockets[0].getsockname()[1]
        self.endpoint = Endpoint(f"{scheme}://localhost:{port}{self.path}", KINDS["openai"])
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await _read(reader):
                self.requests.append(request)
                self.asked.set()
                await self.script(reader, writer)
        except OSError:
            pass
        finally:
            self.left.set()
            writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    return head + await reader.readexactly(length)


def says(*parts: bytes | float, close: bool = False) -> Script:
    """Write the parts, sleeping at numbers."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await _pause(reader, part)
        if close:
            writer.close()

    return script


async def _pause(reader: asyncio.StreamReader, seconds: float) -> None:
    """Sleep, unless the client leaves."""
    try:
        await asyncio.wait_for(reader.read(1), seconds)
    except TimeoutError:
        return
    raise ConnectionResetError


def resets(*parts: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says(*parts)(reader, writer)
        await asyncio.sleep(0.02)
        writer.transport.abort()

    return script


@asynccontextmanager
async def asking(script: Script, limit_s: float = 5.0, **server: Any) -> AsyncIterator[tuple[Server, Client]]:
    async with Server(script, **server) as there, Client(limit_s) as http:
        yield there, http


async def refused(script: Script, limit_s: float = 5.0) -> ServiceError:
    """The error of a POST; nothing may stay open after it."""
    async with asking(script, limit_s) as (there, http):
        with pytest.raises(ServiceError) as error:
            await http.post(there.endpoint, "/x", {})
        await asyncio.wait_for(there.left.wait(), 20)
        await eventually(lambda: len(http.connections) == 0)
    return error.value


# what is no answer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        says(close=True),
        resets(),
        says(b"HTTP/1.1 200 OK\r\nContent-", close=True),
        says(OK + b"Content-Length: 100\r\n\r\n{", close=True),
        resets(OK + b"Content-Length: 100\r\n\r\n{"),
        says(CHUNKED + b"1\r\n{\r\n", close=True),
        says(CHUNKED + b"zz\r\n{\r\n"),
        says(b"SSH-2.0-OpenSSH_9.6\r\n"),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"),
        says(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        says(b"\x00\xff" * 500),
    ],
)
async def test_a_lost_or_garbled_answer_is_the_engines_failure(script):
    error = await refused(script)
    assert (type(error), error.message) == (ModelErrorException, post.LOST)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (says(OK + b"\r\nnot json", close=True), "not JSON"),
        (says(OK + b"Content-Length: 2\r\n\r\n[]", close=True), "not a JSON object"),
        (says(b"HTTP/1.1 204 No Content\r\n\r\n", close=True), "not JSON"),
        (
            says(b"HTTP/1.1 301 Moved\r\nLocation: http://x.y/\r\nContent-Length: 0\r\n\r\n", close=True),
            "http://x.y/",
        ),
        (says(b"HTTP/1.1 307 Moved\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", close=True), "/y"),
    ],
)
async def test_an_answer_that_is_not_what_was_asked_for_says_what_it_is(script, message):
    error = await refused(script)
    assert type(error) is ModelErrorException
    assert message in error.message


@pytest.mark.parametrize("parts", [(), (b"HTTP/1.1 200 OK\r\n",), (OK + b"Content-Length: 9\r\n\r\n{",)])
async def test_an_answer_that_never_ends_is_a_timeout_and_the_connection_is_closed(parts):
    assert type(await refused(says(*parts, 3600.0), limit_s=0.1)) is ModelTimeoutException


async def test_an_answer_that_trickles_is_limited_as_a_whole():
    slow = [part for _ in range(100) for part in (b"1\r\n{\r\n", 0.05)]
    assert type(await refused(says(CHUNKED, *slow), limit_s=0.3)) is ModelTimeoutException


@pytest.mark.parametrize("flood", [b"x-a: " + b"b" * 2000 + b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_head_without_end_does_not_fill_the_memory(flood):
    begin = b"" if flood.startswith(b"HTTP") else OK
    error = await refused(says(begin, *[flood * 100] * 1000))
    assert error.message == post.LOST


async def test_a_body_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(post, "LONGEST_ANSWER", 100_000)
    assert "without end" in (await refused(says(CHUNKED, *[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 1000))).message


async def test_a_refusal_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(post, "LONGEST_REFUSAL", 100_000)
    head = b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert "without end" in (await refused(says(head, *[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 1000))).message


async def test_a_stream_nobody_reads_holds_its_sender_back():
    sent = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(CHUNKED)
        while sent < 64 << 20:
            writer.write(chunk(b"data: " + b"x" * 65530 + b"\n"))
            sent += 65536
            await writer.drain()

    async with asking(script) as (there, http), aclosing(http.stream(there.endpoint, "/x", {})) as news:
        await anext(news)
        await asyncio.sleep(0.3)
        assert sent < 48 << 20, "sockets' buffers take some megabytes"
        held = sent
        for _ in range(200):
            await anext(news)
        await eventually(lambda: sent > held)  # reading lets the sender go on


async def test_nobody_at_the_address_and_no_address():
    async with Client() as http:
        for url in ("http://127.0.0.1:1", "ftp://x", "http://", "http://a..b", "http://[::1"):
            with pytest.raises(ModelErrorException) as error:
                await http.post(Endpoint(url, KINDS["openai"]), "/x", {})
            assert "reached" in error.value.message


async def test_an_address_that_swallows_packets_is_given_up(monkeypatch):
    async def swallowed(*_: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(connections, "connect", swallowed)
    monkeypatch.setattr(connections, "CONNECT_S", 0.05)
    async with Client() as http:
        with pytest.raises(ModelErrorException, match="reached"):
            await http.post(Endpoint("http://192.0.2.1", KINDS["openai"]), "/x", {})


@pytest.mark.parametrize("key", ["a\r\nx-evil: 1", "a\nb", "a\x00"])
async def test_a_key_cannot_become_a_header_of_its_own(key):
    async with asking(says(JSON)) as (there, http):
        with pytest.raises(ModelErrorException, match="cannot be sent"):
            await http.post(Endpoint(there.endpoint.url, KINDS["openai"], key=key), "/x", {})
    assert not there.requests


# what is one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        [JSON],
        [bytes([byte]) for byte in JSON],
        [b"HTTP/1.1 100 Continue\r\n\r\n", JSON],
        [CHUNKED + b'4\r\n{"a"\r\n', b"5;x=y\r\n: 17}\r\n0\r\nx-trailer: 1\r\n\r\n"],
        [b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{"a": 17}garbage'],
        [JSON + b"garbage"],
        [JSON + JSON],
    ],
)
async def test_an_answer_may_come_in_any_pieces_and_with_what_was_not_asked_for(answer):
    async with asking(says(*answer)) as (there, http):
        for _ in range(2):
            assert await http.post(there.endpoint, "/x", {}) == {"a": 17}


async def test_a_body_without_a_length_ends_with_the_connection():
    async with asking(says(OK + b'\r\n{"a": 17}', close=True)) as (there, http):
        assert await http.post(there.endpoint, "/x", {}) == {"a": 17}


async def test_what_goes_out():
    async with asking(says(JSON), path="/base/") as (there, http):
        await http.post(Endpoint(there.endpoint.url, KINDS["openai"], key="k"), "/x", {"ä": 1})
        await http.get(there.endpoint, "/v1/models")
    head, _, body = there.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/x HTTP/1.1\r\nhost: localhost:")
    assert b"\r\nauthorization: Bearer k\r\n" in head
    assert body == '{"ä":1}'.encode()
    assert there.requests[1].startswith(b"GET /base/v1/models HTTP/1.1\r\n")


async def test_a_refusal_leaves_the_connection_good():
    answer = b'HTTP/1.1 400 Bad\r\nContent-Length: 17\r\n\r\n{"message":"bad"}'
    async with asking(says(answer)) as (there, http):
        for _ in range(3):
            with pytest.raises(ValidationException, match="bad"):
                await http.post(there.endpoint, "/x", {})
    assert there.connections == 1


# connections -------------------------------------------------------------------------------------------------------


async def test_connections_are_used_again_and_no_more_are_opened_than_needed():
    async with asking(says(0.02, JSON)) as (there, http):
        for _ in range(3):
            await asyncio.gather(*(http.post(there.endpoint, "/x", {}) for _ in range(4)))
        assert (there.connections, len(http.connections)) == (4, 4)


async def test_a_kept_connection_that_was_just_closed_costs_no_request():
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(there.requests) == 2:
            return writer.transport.abort()
        writer.write(JSON)

    async with asking(once) as (there, http):
        for _ in range(2):
            assert await http.post(there.endpoint, "/x", {}) == {"a": 17}
    assert (there.connections, len(there.requests)) == (2, 3)


async def test_a_request_that_was_being_answered_is_not_sent_twice():
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (says(JSON) if len(there.requests) == 1 else resets(b"HTTP/1.1 200"))(reader, writer)

    async with asking(half) as (there, http):
        await http.post(there.endpoint, "/x", {})
        with pytest.raises(ModelErrorException):
            await http.post(there.endpoint, "/x", {})
    assert len(there.requests) == 2


async def test_a_new_connection_that_is_closed_at_once_is_not_tried_again():
    assert (await refused(says(close=True))).message == post.LOST


async def test_unused_connections_are_closed_after_a_while(monkeypatch):
    monkeypatch.setattr(connections, "IDLE_S", 0.05)
    async with asking(says(JSON)) as (there, http):
        await http.post(there.endpoint, "/x", {})
        assert len(http.connections) == 1
        await asyncio.wait_for(there.left.wait(), 20)
        assert len(http.connections) == 0
        assert await http.post(there.endpoint, "/x", {}) == {"a": 17}


async def test_a_server_that_speaks_unasked_loses_its_connection():
    async with asking(says(JSON, 0.05, JSON)) as (there, http):
        await http.post(there.endpoint, "/x", {})
        await eventually(lambda: len(http.connections) == 0)
        assert await http.post(there.endpoint, "/x", {}) == {"a": 17}
    assert there.connections == 2


async def test_closing_ends_what_is_under_way():
    async with asking(says(3600.0)) as (there, http):
        under_way = asyncio.create_task(http.post(there.endpoint, "/x", {}))
        await asyncio.wait_for(there.asked.wait(), 20)
        await http.close()
        with pytest.raises(ModelErrorException):
            await asyncio.wait_for(under_way, 20)


# streams -----------------------------------------------------------------------------------------------------------


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def streamed(there: Server, http: Client) -> list[bytes]:
    return [data async for batch in http.stream(there.endpoint, "/x", {}) for data in batch]


@pytest.mark.parametrize("end", [[b"0\r\n\r\n"], [0.05, b"0\r\n\r\n"]])
async def test_a_stream_read_to_its_end_leaves_a_connection_that_is_used_again(end, monkeypatch):
    monkeypatch.setattr(post, "LAST_BYTES_S", 600)
    async with asking(says(CHUNKED, chunk(b"data: 1\n\ndata: 2\n\n"), chunk(b"data: [DONE]\n\n"), *end)) as (
        there,
        http,
    ):
        assert [await streamed(there, http) for _ in range(2)] == [[b"1", b"2"]] * 2
    assert there.connections == 1


async def test_a_stream_that_stays_open_after_done_is_over_all_the_same(monkeypatch):
    monkeypatch.setattr(post, "LAST_BYTES_S", 0.05)
    async with asking(says(CHUNKED, chunk(b"data: 1\n\ndata: [DONE]\n\n"), 3600.0)) as (there, http):
        assert await asyncio.wait_for(streamed(there, http), 20) == [b"1"]
        await asyncio.wait_for(there.left.wait(), 20)


async def test_leaving_a_stream_closes_its_connection_at_once():
    async with asking(says(CHUNKED, chunk(b"data: 1\n\n"), 3600.0)) as (there, http):
        async with aclosing(http.stream(there.endpoint, "/x", {})) as news:
            assert await anext(news) == [b"1"]
        await asyncio.wait_for(there.left.wait(), 20)
        assert len(http.connections) == 0


# opened ahead ------------------------------------------------------------------------------------------------------


def once(there: Server) -> Endpoint:
    """A server whose connections end with each stream."""
    return Endpoint(there.endpoint.url, KINDS["llama"])


STREAM = says(CHUNKED + chunk(b"data: 1\n\ndata: [DONE]\n\n") + b"0\r\n\r\n", close=True)


async def opened(there: Server, number: int) -> None:
    await eventually(lambda: there.connections >= number)


async def test_where_connections_end_with_a_stream_the_next_one_stands_before_it_is_asked_for():
    async with asking(STREAM) as (there, http):
        for number in (2, 3, 4):
            assert [batch async for batch in http.stream(once(there), "/x", {})] == [[b"1"]]
            await opened(there, number)
        await eventually(lambda: len(http.connections) == 1)
        assert len(there.requests) == 3


async def test_many_streams_at_once_leave_one_connection_ahead():
    async with asking(STREAM) as (there, http):
        await asyncio.gather(*(anext(http.stream(once(there), "/x", {})) for _ in range(5)))
        await opened(there, 6)
        await eventually(lambda: len(http.connections) == 1)
        await asyncio.sleep(0.05)
        assert (there.connections, len(http.connections)) == (6, 1), "and no more come"


async def test_a_server_that_is_gone_by_then_is_no_error():
    async with Client() as http:
        http.connections.open_ahead("http://127.0.0.1:1")
        await asyncio.sleep(0.05)
        http.connections.open_ahead("http://127.0.0.1:1")
    assert len(http.connections) == 0


async def test_closing_ends_what_is_being_opened(monkeypatch):
    async def slow(*_: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(connections, "connect", slow)
    async with Client() as http:
        http.connections.open_ahead("http://127.0.0.1:1")
        await asyncio.sleep(0)
    before = len(asyncio.all_tasks())
    assert before == 1


# TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A key and a certificate for localhost that it signed itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return path


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_https_is_spoken_where_the_address_says_so(certificate):
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with Server(says(JSON), serving(certificate)) as there, Client(tls=trusting) as http:
        for _ in range(2):
            assert await http.post(there.endpoint, "/x", {}) == {"a": 17}
        assert there.connections == 1


async def test_a_certificate_nobody_vouches_for_is_refused_and_so_is_another_hosts(certificate):
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with Server(says(JSON), serving(certificate)) as there, Client() as plain, Client(tls=trusting) as http:
        with pytest.raises(ModelErrorException, match="reached"):
            await plain.post(there.endpoint, "/x", {})
        elsewhere = Endpoint(there.endpoint.url.replace("localhost", "127.0.0.1"), KINDS["openai"])
        with pytest.raises(ModelErrorException, match="reached"):
            await http.post(elsewhere, "/x", {})
    assert not there.requests


def test_unread_bytes_are_bounded_by_less_than_an_event():
    assert connection.MOST_UNREAD < post.LONGEST_EVENT
