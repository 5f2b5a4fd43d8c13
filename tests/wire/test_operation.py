"""The decorator: a handler's name is checked against the models when it is imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from outcrop.wire import operation as module
from outcrop.wire import spec
from outcrop.wire.operation import Handlers, operation


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    fresh: Handlers = {}
    monkeypatch.setattr(module, "HANDLERS", fresh)
    yield fresh


def named(name: str) -> Any:
    async def handler(call: Any, request: Any) -> Any: ...

    handler.__name__ = name
    return handler


@pytest.mark.parametrize("name", ["converze", "list_agent", "", "__init__"])
def test_a_name_that_no_model_knows_is_refused(name: str) -> None:
    with pytest.raises(LookupError, match="no service"):
        operation(named(name))


def test_a_name_of_several_services_needs_one() -> None:
    with pytest.raises(LookupError, match="bedrock and bedrock-agent and bedrock-agent-runtime"):
        operation(named("tag_resource"))


def test_a_name_of_another_service_is_refused() -> None:
    with pytest.raises(LookupError, match="service='bedrock'"):
        operation(service="bedrock")(named("converse"))


def test_one_operation_has_one_handler() -> None:
    operation(named("converse"))
    with pytest.raises(ValueError, match="already has a handler"):
        operation(named("converse"))


def test_a_handler_is_registered_and_returned_as_it_is(handlers: Handlers) -> None:
    converse, tag, agents = named("converse"), named("tag_resource"), named("list_agents")
    assert operation(converse) is converse
    operation(service="bedrock-agent")(tag)
    operation(kind="state only")(agents)
    assert handlers["bedrock-runtime", "Converse"].function is converse
    assert handlers["bedrock-runtime", "Converse"].kind == "real"
    assert handlers["bedrock-agent", "TagResource"].function is tag
    assert handlers["bedrock-agent", "ListAgents"].kind == "state only"


def test_every_operation_has_a_name_in_snake_case(handlers: Handlers) -> None:
    import re

    for service in spec.services():
        for name in service.operation_names:
            operation(service=service.name)(named(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()))
    assert len(handlers) == sum(len(service.operation_names) for service in spec.services())
