"""Any JSON at any operation ends in an answer or in the door's own client error, never in a fault of ours."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.store.records import Records
from tests.endpoints.openai.conftest import HELLO, MODEL, House
from tests.stub_engine import StubEngine

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    *("messages", "model", "n", "stream", "stream_options", "tools", "tool_choice", "response_format", "stop", "seed"),
    *("prompt", "echo", "logprobs", "input", "instructions", "previous_response_id", "background", "store", "text"),
    *("reasoning", "include", "truncation", "metadata", "encoding_format", "dimensions", "logit_bias", "max_tokens"),
    *("training_file", "validation_file", "method", "hyperparameters", "suffix", "integrations"),
]
BODY = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4)
PATHS = (
    *("/chat/completions", "/completions", "/responses", "/responses/input_tokens", "/embeddings", "/files"),
    "/fine_tuning/jobs",
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), body=BODY)
def test_any_json_at_any_operation(tmp_path_factory: Any, path: str, body: dict[str, Any]) -> None:
    asyncio.run(check(tmp_path_factory.mktemp("fuzz"), path, body))


async def check(home: Path, path: str, body: dict[str, Any]) -> None:
    records = await Records.open(f"sqlite+aiosqlite:///{home / 'outcrop.db'}")
    async with StubEngine() as stub:
        house = House(stub, records, home)
        house.services.jobs = SimpleNamespace(creating=asyncio.Lock())
        given = {"model": MODEL.id, "messages": HELLO, "input": "hi", "prompt": "a", "training_file": "file-none"}
        wanted = {
            "/chat/completions": ("messages",),
            "/completions": ("prompt",),
            "/files": (),
            "/fine_tuning/jobs": ("training_file",),
        }.get(path, ("input",))
        told = {"model": MODEL.id} | {key: given[key] for key in wanted} | body
        answer = await house.client("POST", f"/v1{path}", json.dumps(told).encode())
        assert answer.status in (200, 400, 404), answer.body
        assert b"server_error" not in answer.body
        await house.inference.close()
    await records.close()
