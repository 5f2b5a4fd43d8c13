"""One running server with the model that ships in the package, for every client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import Live, running

MODEL = "outcrop.pebble-v1"

WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather of a city.",
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Name of the city."}},
        "required": ["city"],
    },
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(tmp_path_factory.mktemp("clients") / "home") as live:
        yield live


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/clients/" in str(item.path):
            item.add_marker(pytest.mark.clients)
