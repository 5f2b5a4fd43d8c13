"""Every client of docs/clients.md, unmodified, on the very lines of that page: it chats, streams, calls a tool, embeds.

What is asserted is the model's own doing: Pebble remembers a name, calls the tool and reads its result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from outcrop.clients import CLIENTS
from tests.clients import words
from tests.clients.conftest import Told

ERRORS = {
    "ai-sdk": "APICallError",
    "anthropic": "anthropic.NotFoundError",
    "anthropic-bedrock": "anthropic.BadRequestError",
    "anthropic-bedrock-js": "BadRequestError",
    "anthropic-mantle": "anthropic.NotFoundError",
    "aws-cli": "tests.clients.python.aws_cli.Failed",
    "aws-sdk-js": "ValidationException",
    "instructor": "instructor.v2.core.errors.InstructorRetryException",
    "instructor-openai": "instructor.v2.core.errors.InstructorRetryException",
    "litellm": "litellm.exceptions.BadRequestError",
    "openai": "openai.NotFoundError",
    "openai-bedrock": "openai.NotFoundError",
    "openai-js": "NotFoundError",
    "openai-responses": "openai.NotFoundError",
    "pydantic-ai": "pydantic_ai.exceptions.ModelHTTPError",
}
"""The class of the client's own that a model that is not served raises; where not botocore's."""


def check_chat(told: Any, told_all: Told) -> None:
    first, second = told
    assert words.NAME in first
    assert words.NAME in second, "the second answer does not know the first turn"


def check_stream(told: Any, told_all: Told) -> None:
    assert len(told) > 3, "not a stream"
    if "chat" in told_all:
        assert "".join(told).strip() == told_all["chat"]["told"][0].strip(), "the stream says something else"


def check_tool(told: Any, told_all: Told) -> None:
    assert told["name"] == words.TOOL
    assert told["input"] == {"city": words.CITY}
    assert "answer" not in told or str(words.RESULT["temperature_c"]) in told["answer"]


def check_partial(told: Any, told_all: Told) -> None:
    """The class fills piece by piece, and never otherwise than it ends."""
    cities = [half["city"] or "" for half in told]
    assert cities[-1] == words.CITY
    assert len(set(cities)) > 2, "not piece by piece"
    assert all_prefixes(cities)


def all_prefixes(cities: list[str]) -> bool:
    return all(later.startswith(earlier) for earlier, later in pairwise(cities))


def check_embed(told: Any, told_all: Told) -> None:
    cat, kitten, rates = told
    assert len(cat) == len(kitten) == len(rates) > 100
    assert cosine(cat, kitten) > cosine(cat, rates) + 0.2


def check_rerank(told: Any, told_all: Told) -> None:
    assert told[0] == words.TEXTS[0]
    assert told[-1] == words.TEXTS[2]


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


CHECKS: dict[str, Callable[[Any, Told], None]] = {
    "chat": check_chat,
    "stream": check_stream,
    "tool": check_tool,
    "partial": check_partial,
    "embed": check_embed,
    "rerank": check_rerank,
}


@pytest.mark.parametrize(
    ("name", "stage"),
    [(client.name, stage) for client in CLIENTS.values() for stage in client.does if stage in CHECKS],
)
def test_the_client(told: Callable[[str], Told], name: str, stage: str) -> None:
    outcome = told(name)[stage]
    assert "told" in outcome, outcome["traceback"]
    CHECKS[stage](outcome["told"], told(name))


@pytest.mark.parametrize("name", [client.name for client in CLIENTS.values() if "refused" in client.does])
def test_a_model_that_is_not_served_is_the_clients_own_error(told: Callable[[str], Told], name: str) -> None:
    outcome = told(name)["refused"]
    assert ERRORS.get(name, "botocore.exceptions.ClientError") in outcome["raised"], outcome
    assert "model" in outcome["message"]


@pytest.mark.parametrize("name", CLIENTS)
def test_no_stage_is_left_out_of_the_table(told: Callable[[str], Told], name: str) -> None:
    assert sorted(told(name)) == sorted(CLIENTS[name].does)
