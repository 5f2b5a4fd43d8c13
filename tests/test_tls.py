"""TLS: real handshakes with the strictest checks, and what crashes, callers at once and time do to the files."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.httpsession import URLLib3Session

from outcrop import tls as module
from outcrop.errors import ServiceUnavailableException
from outcrop.tls import Tls, ensure


@contextmanager
def server(tls: Tls, family: int = socket.AF_INET, address: str = "127.0.0.1") -> Iterator[int]:
    """A TLS server that says hello once to everybody; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert, tls.key)
    listener = socket.socket(family)
    listener.bind((address, 0))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as stream:
                    stream.sendall(b"hello")
            except ssl.SSLError:
                continue
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def hello(port: int, name: str, context: ssl.SSLContext, address: str = "127.0.0.1") -> bytes:
    with (
        socket.create_connection((address, port), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname=name) as stream,
    ):
        return stream.recv(5)


def strict(path: Path) -> ssl.SSLContext:
    """A client's default context with Python 3.13's flags, which 3.11 can be asked for too."""
    context = ssl.create_default_context(cafile=str(path))
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


@pytest.mark.parametrize("trusted", ["ca", "bundle"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "models.example.com", "10.1.2.3"])
def test_strict_clients_accept_every_name(tmp_path: Path, trusted: str, name: str) -> None:
    tls = ensure(tmp_path, ["models.example.com", "10.1.2.3"])
    with server(tls) as port:
        context = strict(getattr(tls, trusted))
        context.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN  # the whole chain must hold
        assert hello(port, name, context) == b"hello"


def test_clients_that_do_not_know_the_authority_refuse(tmp_path: Path) -> None:
    ours, other = ensure(tmp_path / "a"), ensure(tmp_path / "b")
    with server(ours) as port:
        for context in (strict(other.ca), strict(other.bundle), ssl.create_default_context()):
            with pytest.raises(ssl.SSLCertVerificationError):
                hello(port, "localhost", context)


def test_other_names_are_refused(tmp_path: Path) -> None:
    tls = ensure(tmp_path, ["models.example.com"])
    with server(tls) as port:
        for name in ("example.com", "a.models.example.com", "127.0.0.2", "amazonaws.com"):
            with pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch|not valid for"):
                hello(port, name, strict(tls.ca))


def test_botocores_http_client_accepts_the_bundle(tmp_path: Path) -> None:
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import ConnectionClosedError, HTTPClientError

    tls = ensure(tmp_path)
    with server(tls) as port:
        request = AWSRequest("GET", f"https://localhost:{port}/").prepare()
        with pytest.raises((HTTPClientError, ConnectionClosedError), match=r"hello|Connection was closed"):
            URLLib3Session(verify=str(tls.bundle), timeout=5).send(request)


def test_the_bundle_keeps_the_roots_of_this_machine(tmp_path: Path) -> None:
    tls = ensure(tmp_path)
    ours = ssl.create_default_context(cafile=str(tls.bundle)).cert_store_stats()["x509_ca"]
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    theirs = system if system.is_file() else module._packaged_roots()
    assert ours == ssl.create_default_context(cafile=str(theirs)).cert_store_stats()["x509_ca"] + 1
    assert tls.bundle.read_bytes().endswith(tls.ca.read_bytes())
    assert len(ssl.create_default_context(cafile=str(tls.ca)).get_ca_certs()) == 1


def test_the_bundle_does_not_grow_when_the_shell_already_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ensure(tmp_path).bundle.read_bytes()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls" / "bundle.pem"))
    assert ensure(tmp_path, ["other.example"]).bundle.read_bytes() == before


def test_without_system_roots_botocores_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = ssl.DefaultVerifyPaths(None, None, "", str(tmp_path / "none.pem"), "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    tls = ensure(tmp_path)
    assert ssl.create_default_context(cafile=str(tls.bundle)).cert_store_stats()["x509_ca"] > 50


def test_variables_that_replace_get_the_bundle_and_the_one_that_adds_the_authority(tmp_path: Path) -> None:
    tls = ensure(tmp_path)
    assert tls.environment() == {
        "AWS_CA_BUNDLE": str(tls.bundle),
        "REQUESTS_CA_BUNDLE": str(tls.bundle),
        "SSL_CERT_FILE": str(tls.bundle),
        "NODE_EXTRA_CA_CERTS": str(tls.ca),
    }


def contents(tls: Tls) -> list[bytes]:
    return [path.read_bytes() for path in (tls.ca, tls.cert, tls.key)]


def test_nothing_changes_without_need(tmp_path: Path) -> None:
    first = contents(ensure(tmp_path, ["a.example"]))
    assert contents(ensure(tmp_path, ["a.example"])) == first
    assert contents(ensure(tmp_path)) == first  # a name fewer is no need


def test_a_new_host_gets_a_certificate_from_the_same_authority(tmp_path: Path) -> None:
    first = contents(ensure(tmp_path))
    second = contents(ensure(tmp_path, ["a.example"]))
    assert second[0] == first[0] and second[1] != first[1]


def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERVER_LIFE", dt.timedelta(days=29))
    first = contents(ensure(tmp_path))
    second = contents(ensure(tmp_path))
    assert second[0] == first[0] and second[1] != first[1]


def test_an_authority_is_renewed_before_a_certificate_could_outlive_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CA_LIFE", dt.timedelta(days=100))
    first = contents(ensure(tmp_path))
    monkeypatch.undo()
    tls = ensure(tmp_path)
    assert contents(tls)[0] != first[0]
    with server(tls) as port:
        assert hello(port, "localhost", strict(tls.bundle)) == b"hello"


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
@pytest.mark.parametrize("damage", [b"", b"junk", None, "another"])
def test_damaged_and_half_written_files_are_made_again(tmp_path: Path, name: str, damage: bytes | str | None) -> None:
    tls = ensure(tmp_path)
    if damage is None:
        (tls.cert.parent / name).unlink()
    elif damage == "another":  # a crash between the two halves of a pair
        (tls.cert.parent / name).write_bytes((ensure(tmp_path / "b").cert.parent / name).read_bytes())
    else:
        (tls.cert.parent / name).write_bytes(damage)
    tls = ensure(tmp_path)
    with server(tls) as port:
        assert hello(port, "localhost", strict(tls.bundle)) == b"hello"


async def test_callers_at_once_get_one_authority(tmp_path: Path) -> None:
    made = await asyncio.gather(*(asyncio.to_thread(ensure, tmp_path, [f"h{n}.example"]) for n in range(4)))
    assert len(set(made)) == 1
    with server(made[0]) as port:
        assert await asyncio.to_thread(hello, port, "localhost", strict(made[0].bundle)) == b"hello"


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    folder = ensure(tmp_path).cert.parent
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert {os.stat(folder / name).st_mode & 0o777 for name in ("ca.key", "server.key")} == {0o600}


def test_a_wildcard_address_means_every_address_of_this_machine(tmp_path: Path) -> None:
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(ensure(tmp_path, ["0.0.0.0"]).cert.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    listed = {str(name.value) for name in names}
    assert module._addresses() <= listed and "0.0.0.0" not in listed and "127.0.0.1" in listed


@pytest.mark.parametrize("host", ["bücher.example", "a" * 70, "x..y", "UPPER.example", "under_score", "::ffff:1.2.3.4"])
def test_strange_host_names_do_no_harm(tmp_path: Path, host: str) -> None:
    tls = ensure(tmp_path, [host])
    with server(tls) as port:
        assert hello(port, "localhost", strict(tls.ca)) == b"hello"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("")
    with pytest.raises(ServiceUnavailableException, match=f"{tmp_path}/tls"):
        ensure(tmp_path)
