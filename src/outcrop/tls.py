"""TLS from a local certificate authority, made on first use.

Knows nothing of servers; it answers with the paths of files.

boto3 sends an API key over https only, so a machine without a certificate of its own needs one. The authority's key
stays in the home folder (0600): whoever reads it can pose as any host to the shells that trust the bundle. Certificates
follow RFC 5280 to the letter, because Python 3.13 checks it (VERIFY_X509_STRICT).
"""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname

import psutil
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .errors import ServiceUnavailableException
from .store.files import locked, write_whole

CA_LIFE = dt.timedelta(days=3650)
SERVER_LIFE = dt.timedelta(days=397)  # browsers refuse more
RENEW_BEFORE = dt.timedelta(days=30)
WILDCARDS = {"0.0.0.0", "::", ""}


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files."""

    cert: Path
    key: Path
    ca: Path
    """Our authority alone, for variables that add to the roots a program knows."""
    bundle: Path
    """The machine's roots and our authority, for variables that replace them: other https keeps working."""

    def environment(self) -> dict[str, str]:
        """The variables by which SDKs on a shell come to trust the service."""
        replacing = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
        return {name: str(self.bundle) for name in replacing} | {"NODE_EXTRA_CA_CERTS": str(self.ca)}


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure(home: Path, hosts: Iterable[str] = ()) -> Tls:
    """Certificates for this machine's names and `hosts`, made or renewed where they must be; two callers take turns.

    Raises ServiceUnavailableException when the folder `home/tls` cannot be written.
    """
    folder = home / "tls"
    tls = Tls(folder / "server.pem", folder / "server.key", folder / "ca.pem", folder / "bundle.pem")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder / ".lock"):
            _ensure_files(tls, folder / "ca.key", _names(hosts))
    except OSError as error:
        raise ServiceUnavailableException(f"The TLS folder {folder} cannot be used: {error}.") from error
    return tls


def _ensure_files(tls: Tls, ca_key: Path, names: frozenset[str]) -> None:
    authority = _load(tls.ca, ca_key)
    if authority is None or _ends_within(authority, SERVER_LIFE):
        authority = _make_authority()
        _save(authority, tls.ca, ca_key)
    server = _load(tls.cert, tls.key)
    if server is None or not _serves(server, authority, names):
        _save(_make_server(authority, names), tls.cert, tls.key)
    bundle = _roots() + tls.ca.read_bytes()
    if not tls.bundle.exists() or tls.bundle.read_bytes() != bundle:
        write_whole(tls.bundle, bundle)


def _names(hosts: Iterable[str]) -> frozenset[str]:
    """Names and addresses that clients of this machine may use."""
    given = set(hosts)
    named = given | {"localhost", "127.0.0.1", "::1", gethostname()} | (_addresses() if given & WILDCARDS else set())
    return frozenset(filter(None, map(_normal, named - WILDCARDS)))


def _addresses() -> set[str]:
    """The addresses of this machine's interfaces, which a server on 0.0.0.0 is reached by."""
    found = (address.address.partition("%")[0] for card in psutil.net_if_addrs().values() for address in card)
    return {address for address in found if _is_address(address)}


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _normal(name: str) -> str | None:
    """A name as certificates write it, or None for one that cannot stand there (a host may be called anything)."""
    try:
        return str(ip_address(name)) if _is_address(name) else name.lower().encode("idna").decode()
    except UnicodeError:
        return None


def _load(certificate: Path, key: Path) -> _Pair | None:
    """What is on disk, or None where it is missing, damaged, or one half of a pair that a crash has split."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != loaded.public_key():
        return None
    return _Pair(loaded, private)


def _save(pair: _Pair, certificate: Path, key: Path) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_whole(key, pair.key.private_bytes(*form), 0o600)
    write_whole(certificate, pair.certificate.public_bytes(serialization.Encoding.PEM))


def _ends_within(pair: _Pair, span: dt.timedelta) -> bool:
    return pair.certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) < span


def _serves(server: _Pair, authority: _Pair, names: frozenset[str]) -> bool:
    """Whether a certificate is still good: signed by this authority, for all these names, for long enough."""
    try:
        server.certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    listed = server.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names <= {str(name.value) for name in listed} and not _ends_within(server, RENEW_BEFORE)


def _make_authority() -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    subject = _subject(f"Outcrop local authority {serial:x}"[:64])  # two homes, two names
    builder = (
        _builder(subject, subject, key, CA_LIFE, serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return _Pair(builder.sign(key, hashes.SHA256()), key)


def _make_server(authority: _Pair, names: frozenset[str]) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.subject
    identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_subject("Outcrop"), issuer, key, SERVER_LIFE, x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in sorted(names)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return _Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: dt.timedelta, serial: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), serial)
        .not_valid_before(now - dt.timedelta(hours=1))  # clocks of containers may lag
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _usage(**allowed: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: allowed.get(usage, False) for usage in USAGES})


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if _is_address(name) else x509.DNSName(name)


def _roots() -> bytes:
    """The roots this machine trusts. The compiled-in path: SSL_CERT_FILE may name our own bundle by now."""
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    path = system if system.is_file() else _packaged_roots()
    return path.read_bytes().rstrip() + b"\n"


def _packaged_roots() -> Path:
    """Mozilla's roots as botocore brings them, for systems that keep none in one file (macOS, small images)."""
    import botocore

    return Path(botocore.__file__).with_name("cacert.pem")
