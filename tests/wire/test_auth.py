"""Who calls: real clients' credentials in every form, and everything that must be refused."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aws_bedrock_token_generator import BedrockTokenGenerator
from aws_bedrock_token_generator.token_generator import _generate_token
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outcrop.config import Settings
from outcrop.errors import (
    AccessDeniedException,
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    ServiceUnavailableException,
    UnknownApiKeyException,
    UnrecognizedClientException,
)
from outcrop.keys import Keys, NewKey
from outcrop.store.records import Records
from outcrop.wire import auth as module
from outcrop.wire.auth import Authenticator, check_open
from outcrop.wire.sigv4 import EVENTS_PAYLOAD, SignedRequest

ACCOUNT = "123456789012"
PLAIN = SignedRequest("GET", "/foundation-models", "", {"host": "127.0.0.1:8484"})


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    opened = await Records.open(f"sqlite+aiosqlite:///{tmp_path}/outcrop.db")
    yield opened
    await opened.close()


@pytest.fixture
async def keys(records: Records, tmp_path: Path) -> Keys:
    return await Keys.open(records, tmp_path, ACCOUNT)


@pytest.fixture
async def pair(keys: Keys) -> NewKey:
    return await keys.create("ada")


@pytest.fixture
def authenticate(keys: Keys) -> Authenticator:
    return Authenticator(keys, Settings(account_id=ACCOUNT))


def with_headers(**headers: str) -> SignedRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dataclasses.replace(PLAIN, headers={**PLAIN.headers, **named})


def signed(key_id: str, secret: str, region: str = "us-east-1", signer: type = SigV4Auth, **options) -> SignedRequest:
    request = AWSRequest("GET", "http://127.0.0.1:8484/foundation-models")
    signer(Credentials(key_id, secret), "bedrock", region, **options).add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return dataclasses.replace(PLAIN, query=request.url.partition("?")[2], headers={**PLAIN.headers, **headers})


def short_term(pair: NewKey, region: str = "us-east-1") -> str:
    return BedrockTokenGenerator().get_token(Credentials(pair.key.id, pair.secret), region)


async def test_no_credentials_at_all(authenticate: Authenticator) -> None:
    for request in (PLAIN, with_headers(x_api_key=""), with_headers(authorization="Bearer ")):
        with pytest.raises(MissingAuthenticationTokenException) as refusal:
            await authenticate(request)
        assert (refusal.value.message, refusal.value.status) == ("Missing Authentication Token", 403)


async def test_an_unknown_key_is_refused_in_awss_words(authenticate: Authenticator) -> None:
    with pytest.raises(UnrecognizedClientException) as refusal:
        await authenticate(signed("AKIANOBODYKNOWSTHIS1", "secret"))
    assert refusal.value.message == "The security token included in the request is invalid."


async def test_an_unknown_key_is_hashed_and_compared_like_a_known_one(
    authenticate: Authenticator, pair: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, compare = [], module.sigv4.hmac.compare_digest
    monkeypatch.setattr(module.sigv4.hmac, "compare_digest", lambda a, b: compared.append(len(a)) or compare(a, b))
    with pytest.raises(InvalidSignatureException):
        await authenticate(signed(pair.key.id, "wrong"))
    known, compared[:] = list(compared), []
    with pytest.raises(UnrecognizedClientException):
        await authenticate(signed("AKIANOBODYKNOWSTHIS1", "wrong"))
    assert compared == known == [64]


async def test_a_signature_made_with_the_stand_in_for_unknown_keys_is_refused(authenticate: Authenticator) -> None:
    with pytest.raises(UnrecognizedClientException):
        await authenticate(signed("AKIANOBODYKNOWSTHIS1", module.NOBODY))


async def test_a_revoked_pair_is_unknown_at_once(authenticate: Authenticator, keys: Keys, pair: NewKey) -> None:
    request = signed(pair.key.id, pair.secret)
    await authenticate(request)
    await keys.revoke(pair.key.id)
    with pytest.raises(UnrecognizedClientException):
        await authenticate(request)


async def test_a_revoked_or_unknown_api_key_is_refused_in_bedrocks_words(
    authenticate: Authenticator, keys: Keys
) -> None:
    token = await keys.create("bob", "api-key")
    assert (await authenticate(with_headers(x_api_key=token.secret))).key_id == token.key.id
    await keys.revoke(token.key.id)
    for secret in (token.secret, "sk-ant-api03-x", "dummy"):
        with pytest.raises(UnknownApiKeyException) as refusal:
            await authenticate(with_headers(authorization=f"Bearer {secret}"))
        assert refusal.value.code == "AccessDeniedException"


async def test_a_key_pair_is_no_api_key(authenticate: Authenticator, pair: NewKey) -> None:
    for value in (pair.secret, pair.key.id, f"{pair.key.id}:{pair.secret}"):
        with pytest.raises(AccessDeniedException, match="API Key is valid"):
            await authenticate(with_headers(x_api_key=value))


@pytest.mark.parametrize("value", ["Basic YTpi", "Digest x", "AWS4-ECDSA-P256-SHA256 a", "AWS4-HMAC-SHA256 x", "AWS4-"])
async def test_other_schemes_are_refused(authenticate: Authenticator, value: str) -> None:
    with pytest.raises((IncompleteSignatureException, MissingAuthenticationTokenException)):
        await authenticate(with_headers(authorization=value))


async def test_the_stores_troubles_are_not_for_strangers(
    authenticate: Authenticator, keys: Keys, pair: NewKey, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys._master = None
    with pytest.raises(ServiceUnavailableException) as refusal:
        await authenticate(signed(pair.key.id, pair.secret))
    assert str(tmp_path) not in refusal.value.message and str(tmp_path) in caplog.text


# Key pairs


@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
async def test_a_key_pair_is_known_by_its_arn(authenticate: Authenticator, pair: NewKey, signer: type) -> None:
    identity = await authenticate(signed(pair.key.id, pair.secret, signer=signer))
    assert (identity.key_id, identity.arn) == (pair.key.id, f"arn:aws:iam::{ACCOUNT}:user/ada")


async def test_the_region_is_the_settings(keys: Keys, pair: NewKey) -> None:
    authenticate = Authenticator(keys, Settings(region="eu-central-1"))
    await authenticate(signed(pair.key.id, pair.secret, "eu-central-1"))
    with pytest.raises(InvalidSignatureException, match="not 'us-east-1': this service is in 'eu-central-1'"):
        await authenticate(signed(pair.key.id, pair.secret))


async def test_many_callers_at_once(authenticate: Authenticator, keys: Keys) -> None:
    pairs = [await keys.create(f"user{n}") for n in range(10)]
    requests = [signed(pair.key.id, pair.secret) for pair in pairs] * 5
    identities = await asyncio.gather(*map(authenticate, requests))
    assert [identity.key_id for identity in identities] == [pair.key.id for pair in pairs] * 5


# API keys


async def test_sdks_send_api_keys_their_own_ways(authenticate: Authenticator, keys: Keys) -> None:
    token = await keys.create("bob", "api-key")
    for headers in (
        {"authorization": f"Bearer {token.secret}"},
        {"authorization": f"bearer {token.secret}"},
        {"x_api_key": token.secret},
    ):
        identity = await authenticate(with_headers(**headers))
        assert (identity.key_id, identity.arn) == (token.key.id, f"arn:aws:iam::{ACCOUNT}:user/bob")


async def test_short_term_keys_as_awss_generator_makes_them(authenticate: Authenticator, pair: NewKey) -> None:
    token = short_term(pair)
    for headers in ({"authorization": f"Bearer {token}"}, {"x_api_key": token}):
        assert (await authenticate(with_headers(**headers))).key_id == pair.key.id


async def test_a_short_term_key_ends_with_its_time(
    authenticate: Authenticator, pair: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, now = with_headers(authorization=f"Bearer {short_term(pair)}"), time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + 43_190)
    await authenticate(request)
    monkeypatch.setattr(module.time, "time", lambda: now + 43_202)
    with pytest.raises(ExpiredTokenException, match="Bearer Token has expired"):
        await authenticate(request)


async def test_a_short_term_key_ends_with_its_pair(authenticate: Authenticator, keys: Keys, pair: NewKey) -> None:
    request = with_headers(authorization=f"Bearer {short_term(pair)}")
    await authenticate(request)
    await keys.revoke(pair.key.id)
    with pytest.raises(AccessDeniedException, match="API Key is valid"):
        await authenticate(request)


def inside(token: str) -> str:
    return base64.b64decode(token.removeprefix(module.SHORT_TERM)).decode()


def made_of(url: str | bytes) -> str:
    return module.SHORT_TERM + base64.b64encode(url if isinstance(url, bytes) else url.encode()).decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Expires=43200", "Expires=43201"),
        ("Expires=43200", "Expires=100"),
        ("us-east-1", "eu-west-1"),
        ("Action=CallWithBearerToken", "Action=Other"),
        ("Action=CallWithBearerToken&", ""),
        ("bedrock.amazonaws.com", "evil.example"),
        ("Signature=", "Signature=0"),
        ("/?", "/other?"),
        ("&Version=1", "&Version=1&x=1"),
    ],
)
async def test_a_short_term_key_changed_is_refused(
    authenticate: Authenticator, pair: NewKey, old: str, new: str
) -> None:
    url = inside(short_term(pair))
    assert old in url
    with pytest.raises(UnknownApiKeyException):
        await authenticate(with_headers(authorization=f"Bearer {made_of(url.replace(old, new))}"))


@pytest.mark.parametrize("token", ["", "===", "é", "bm90IGEgdXJs", made_of(b"\xff")[16:], "a" * 50_000])
async def test_what_is_no_short_term_key_is_refused(authenticate: Authenticator, token: str) -> None:
    with pytest.raises(AccessDeniedException, match="API Key is valid"):
        await authenticate(with_headers(authorization=f"Bearer {module.SHORT_TERM}{token}"))


async def test_a_short_term_key_may_last_twelve_hours_and_no_more(authenticate: Authenticator, pair: NewKey) -> None:
    credentials = Credentials(pair.key.id, pair.secret)
    for seconds in (1000, 43_200):
        await authenticate(with_headers(authorization=f"Bearer {_generate_token(credentials, 'us-east-1', seconds)}"))
    with pytest.raises(AccessDeniedException, match="API Key is valid"):
        await authenticate(with_headers(authorization=f"Bearer {_generate_token(credentials, 'us-east-1', 43_201)}"))


async def test_a_presigned_request_is_no_short_term_key(authenticate: Authenticator, pair: NewKey) -> None:
    request = signed(pair.key.id, pair.secret, signer=SigV4QueryAuth)
    with pytest.raises(AccessDeniedException, match="API Key is valid"):
        await authenticate(with_headers(authorization=f"Bearer {made_of('127.0.0.1:8484/?' + request.query)}"))


# Signed events


async def test_signed_events_are_checked_with_the_callers_key(authenticate: Authenticator, pair: NewKey) -> None:
    headers = {"Content-Type": module.sigv4.EVENT_STREAM, "X-Amz-Content-SHA256": EVENTS_PAYLOAD}
    signing = AWSRequest("GET", "http://127.0.0.1:8484/foundation-models", headers)
    SigV4Auth(Credentials(pair.key.id, pair.secret), "bedrock", "us-east-1").add_auth(signing)
    request = with_headers(**{name.lower(): value for name, value in signing.headers.items()})
    assert (await authenticate(request)).key_id == pair.key.id
    verifier = await authenticate.events(request)
    assert verifier is not None
    now = int(time.time() * 1000)
    verifier.check(now, b"one", verifier._sign(now, b"one"))
    with pytest.raises(InvalidSignatureException):
        verifier.check(now, b"two", b"\0" * 32)
    assert await authenticate.events(signed(pair.key.id, pair.secret)) is None


# Without authentication


async def test_without_authentication_everybody_here_is_anonymous(keys: Keys) -> None:
    authenticate = Authenticator(keys, Settings(auth=False))
    for host in ("127.0.0.1:8484", "localhost:8484", "[::1]:8484", "localhost", "127.1.2.3"):
        identity = await authenticate(with_headers(host=host, authorization="AWS4-HMAC-SHA256 nonsense"))
        assert identity.key_id == "anonymous"
    assert (await authenticate(with_headers(origin="http://localhost:3000"))).key_id == "anonymous"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8484"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "[::1"},
        {"host": ""},
        {"host": "192.168.1.5:8484"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://[::1"},
    ],
)
async def test_without_authentication_web_pages_elsewhere_are_refused(keys: Keys, headers: dict[str, str]) -> None:
    authenticate = Authenticator(keys, Settings(auth=False))
    with pytest.raises(AccessDeniedException, match="Without authentication"):
        await authenticate(with_headers(**headers))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.com", "localhost.evil.example"])
def test_no_auth_is_for_loopback_addresses_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        check_open(Settings(auth=False, host=host))
    check_open(Settings(auth=True, host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_no_auth_is_allowed_on_loopback(host: str) -> None:
    check_open(Settings(auth=False, host=host))


# Found by removing checks one by one


@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
@pytest.mark.parametrize(("later", "words"), [(3601, "Signature expired"), (-901, "Signature not yet current")])
async def test_a_replay_is_refused(
    authenticate: Authenticator, pair: NewKey, monkeypatch: pytest.MonkeyPatch, signer: type, later: int, words: str
) -> None:
    request, now = signed(pair.key.id, pair.secret, signer=signer), time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + later)
    with pytest.raises(InvalidSignatureException, match=words):
        await authenticate(request)


async def test_a_presigned_post_of_another_action_is_no_short_term_key(
    authenticate: Authenticator, pair: NewKey
) -> None:
    for action, accepted in (("CallWithBearerToken", True), ("Other", False)):
        request = AWSRequest("POST", "https://bedrock.amazonaws.com/", params={"Action": action})
        SigV4QueryAuth(Credentials(pair.key.id, pair.secret), "bedrock", "us-east-1", expires=60).add_auth(request)
        sent = with_headers(authorization=f"Bearer {made_of(request.url.removeprefix('https://'))}")
        if accepted:
            assert (await authenticate(sent)).key_id == pair.key.id
        else:
            with pytest.raises(AccessDeniedException, match="API Key is valid"):
                await authenticate(sent)


async def test_only_an_event_stream_may_be_signed_as_one(authenticate: Authenticator, pair: NewKey) -> None:
    headers = {"Content-Type": "application/json", "X-Amz-Content-SHA256": EVENTS_PAYLOAD}
    signing = AWSRequest("GET", "http://127.0.0.1:8484/foundation-models", headers)
    SigV4Auth(Credentials(pair.key.id, pair.secret), "bedrock", "us-east-1").add_auth(signing)
    request = with_headers(**{name.lower(): value for name, value in signing.headers.items()})
    with pytest.raises(InvalidSignatureException):
        await authenticate(dataclasses.replace(request, body=b"anything"))
