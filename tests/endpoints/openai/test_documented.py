"""docs/openai.md names every route and every parameter that is known, and nothing is known that it does not name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outcrop.dialects import openai_chat, openai_completions, openai_responses
from outcrop.endpoints.openai import routes

PAGE = (Path(__file__).parents[3] / "docs" / "openai.md").read_text()
NAMED = set(re.findall(r"[a-z_]+", PAGE))


@pytest.mark.parametrize("dialect", [openai_chat, openai_completions, openai_responses])
def test_every_parameter_is_named(dialect) -> None:
    known = dialect.KNOWN | dialect.REFUSED.keys()
    hints = {key for key in known if key.startswith("prompt_cache_")} | {"stream_options", "background_options"}
    assert "prompt_cache_*" in PAGE
    assert known - NAMED - hints == set()


def test_every_route_is_named() -> None:
    for route in routes():
        path = re.sub(r"\{\w+\}", "{id}", route.path)
        assert f"{path}`" in PAGE, route.path
        assert route.method in PAGE
