"""What a shell must know to reach this service, and what the service says of itself.

Knows nothing of how requests are served.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any

from . import tls
from .clients import CLIENTS, Client, fill
from .columns import columns
from .config import Settings
from .errors import ResourceNotFoundException, ValidationException
from .keys import Key, Keys, NewKey
from .store.home import Home

SERVICES = ("BEDROCK", "BEDROCK_RUNTIME", "BEDROCK_AGENT", "BEDROCK_AGENT_RUNTIME", "S3")
CONFLICTING = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK")
"""Variables that would make an SDK use other credentials."""


async def variables(settings: Settings, home: Home, keys: Keys) -> str:
    """Shell lines for `eval`: endpoints, region, the first key pair and the CA bundle."""
    first = await _first(keys)
    values = {f"AWS_ENDPOINT_URL_{service}": url(settings, home) for service in SERVICES}
    values |= {"AWS_REGION": settings.region, "AWS_DEFAULT_REGION": settings.region}
    values |= {"AWS_ACCESS_KEY_ID": first.key.id, "AWS_SECRET_ACCESS_KEY": first.secret}
    if settings.tls_port:
        values |= tls.ensure(home.path, [settings.host]).environment()
    lines = [f"unset {' '.join(CONFLICTING)}"]
    return "\n".join(lines + [f"export {name}={shlex.quote(value)}" for name, value in values.items()])


async def client_lines(settings: Settings, home: Home, keys: Keys, name: str) -> str:
    """The lines that point one client here, after a comment on each alias that they need."""
    if name not in CLIENTS:
        raise ResourceNotFoundException(f"There is no client {name!r}. Known are: {', '.join(CLIENTS)}.")
    client, values = CLIENTS[name], _client_values(settings, home, await _first(keys))
    if "{tls_url}" in client.lines and not (home.server() or settings).tls_port:
        raise ValidationException(f"{client.title} needs https, and TLS is off: set tls_port.")
    comment = {"javascript": "//"}.get(client.language, "#")
    needs = [f"{comment} once: outcrop models alias {id} {values[model]}" for id, model in client.ids]
    return "\n".join([*needs, *_on_keys(client, comment), fill(client.lines, values)])


def _on_keys(client: Client, comment: str) -> list[str]:
    lasting = "this API key ends in 12 hours; one that lasts: outcrop keys create NAME --api-key"
    return [f"{comment} {lasting}"] if "{api_key}" in client.lines else []


def _client_values(settings: Settings, home: Home, pair: NewKey) -> dict[str, str]:
    """What the fields of clients.FIELDS stand for here."""
    own = {"model": settings.model or PEBBLE, "embedder": MINILM, "reranker": MINILM, "region": settings.region}
    addresses = {"url": url(settings, home), "tls_url": tls_url(settings, home)}
    secrets = {"access_key": pair.key.id, "secret_key": pair.secret, "api_key": short_term_key(pair, settings.region)}
    return own | addresses | secrets | {"ca": str(tls.ensure(home.path, [settings.host]).ca)}


PEBBLE, MINILM = "outcrop.pebble-v1", "outcrop.minilm-l6-v2"


def short_term_key(pair: NewKey, region: str) -> str:
    """An API key for twelve hours: what AWS's aws-bedrock-token-generator makes of a key pair."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    host = "bedrock.amazonaws.com"
    request = AWSRequest("POST", f"https://{host}/", {"host": host}, params={"Action": "CallWithBearerToken"})
    SigV4QueryAuth(Credentials(pair.key.id, pair.secret), "bedrock", region, expires=43_200).add_auth(request)
    signed = str(request.url).removeprefix("https://") + "&Version=1"
    return "bedrock-api-key-" + base64.b64encode(signed.encode()).decode()


async def _first(keys: Keys) -> NewKey:
    first = await keys.first()
    if first is None:
        raise ResourceNotFoundException("There is no usable key pair. Make one: outcrop keys create NAME")
    return first


def url(settings: Settings, home: Home) -> str:
    """The cleartext address of the server that runs on this home, or of the one the settings would start."""
    server = home.server() or settings
    return f"http://{_reachable(server.host)}:{server.port}"


def tls_url(settings: Settings, home: Home) -> str:
    """The same for https."""
    server = home.server() or settings
    return f"https://{_reachable(server.host)}:{server.tls_port}"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


async def status(settings: Settings, home: Home, keys: Keys) -> tuple[str, bool]:
    """What `outcrop status` prints, and whether a server runs."""
    from .endpoints.system import status_text

    if home.server() is None:
        return f"No Outcrop server runs on {home.path}.", False
    request = await _signed(settings, keys, urllib.request.Request(f"{url(settings, home)}/status"))
    try:
        return status_text(await asyncio.to_thread(_fetch, request)), True
    except (urllib.error.URLError, OSError) as error:
        return f"The server does not answer at {request.full_url}: {error}", False


def _fetch(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


async def _signed(settings: Settings, keys: Keys, request: urllib.request.Request) -> urllib.request.Request:
    """The request with a SigV4 signature, as any other client would send it."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    first = await keys.first()
    if first is not None:
        signed = AWSRequest("GET", request.full_url)
        SigV4Auth(Credentials(first.key.id, first.secret), "bedrock", settings.region).add_auth(signed)
        for name, value in signed.headers.items():
            request.add_header(name, value)
    return request


def key_table(keys: Iterable[Key]) -> str:
    """Keys as a table, the oldest first."""
    rows = [("ID", "KIND", "NAME", "CREATED", "STATE")]
    rows += [(key.id, key.kind, key.name, _day(key.created), _state(key)) for key in keys]
    return columns(rows)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def _state(key: Any) -> str:
    if key.revoked is not None:
        return f"revoked {_day(key.revoked)}"
    if key.expired:
        return "expired"
    return "active" if key.expires is None else f"until {_day(key.expires)}"
