"""The table of clients, and the lines that `outcrop env --client` makes of it. tests/clients runs them."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from outcrop.clients import CLIENTS, FIELDS, PYTHON, fill
from outcrop.config import Settings
from outcrop.environment import client_lines, short_term_key
from outcrop.errors import AccessDeniedException, ResourceNotFoundException, ValidationException
from outcrop.keys import Keys
from outcrop.store.home import Home
from outcrop.store.records import Records
from outcrop.wire.auth import Authenticator
from outcrop.wire.sigv4 import SignedRequest


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, host="0.0.0.0", port=1234, tls_port=1235, region="eu-west-1")


@pytest.fixture
async def keys(settings: Settings) -> AsyncIterator[Keys]:
    records = await Records.open(settings.database)
    yield await Keys.open(records, settings.home)
    await records.close()


async def lines(settings: Settings, keys: Keys, name: str) -> str:
    await keys.ensure_first()
    return await client_lines(settings, Home(settings.home), keys, name)


async def test_an_unknown_client_lists_the_known(settings: Settings, keys: Keys) -> None:
    with pytest.raises(ResourceNotFoundException, match=r"'boto4'.*boto3, .*openai-js"):
        await lines(settings, keys, "boto4")


async def test_without_a_key_pair_it_says_how_to_make_one(settings: Settings, keys: Keys) -> None:
    with pytest.raises(ResourceNotFoundException, match="outcrop keys create"):
        await client_lines(settings, Home(settings.home), keys, "boto3")


async def test_a_client_that_needs_https_is_told_when_there_is_none(settings: Settings, keys: Keys) -> None:
    off = replace(settings, tls_port=0)
    with pytest.raises(ValidationException, match="tls_port"):
        await lines(off, keys, "boto3-api-key")
    assert "http://127.0.0.1:1234" in await lines(off, keys, "boto3")


@pytest.mark.parametrize("name", CLIENTS)
async def test_every_field_is_filled_with_what_is_true_here(settings: Settings, keys: Keys, name: str) -> None:
    first = await keys.ensure_first()
    assert first is not None
    text = await lines(settings, keys, name)
    assert not re.search(rf"\{{({'|'.join(FIELDS)})\}}", text)
    assert "http://127.0.0.1:1234" in text or "https://127.0.0.1:1235" in text
    assert first.secret in text or "bedrock-api-key-" in text
    for id, model in CLIENTS[name].ids:
        assert f"once: outcrop models alias {id} {fill(f'{{{model}}}', known(settings))}" in text


def known(settings: Settings) -> dict[str, str]:
    return {"model": settings.model, "embedder": "outcrop.minilm-l6-v2"}


@pytest.mark.parametrize("name", [client.name for client in PYTHON])
async def test_python_lines_are_python(settings: Settings, keys: Keys, name: str) -> None:
    compile(await lines(settings, keys, name), name, "exec")


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed")
async def test_javascript_lines_are_javascript(settings: Settings, keys: Keys, tmp_path: Path) -> None:
    for client in CLIENTS.values():
        if client.language == "javascript":
            source = tmp_path / f"{client.name}.mjs"
            source.write_text(await lines(settings, keys, client.name))
            await asyncio.to_thread(subprocess.run, ["node", "--check", source], check=True, timeout=60)


async def test_the_api_key_in_the_lines_signs_in_until_its_pair_is_revoked(settings: Settings, keys: Keys) -> None:
    first = await keys.ensure_first()
    assert first is not None
    headers = {"authorization": f"Bearer {short_term_key(first, settings.region)}"}
    request = SignedRequest("POST", "/openai/v1/responses", "", headers, b"{}")
    authenticate = Authenticator(keys, settings)
    assert (await authenticate(request)).key_id == first.key.id
    await keys.revoke(first.key.id)
    with pytest.raises(AccessDeniedException):
        await authenticate(request)


def test_what_is_no_field_stays(settings: Settings) -> None:
    assert fill("{ a: {url}, {other} }", {"url": "u"}) == "{ a: u, {other} }"
