"""An operation's handler: the decorator that ties a function to the service model.

Knows nothing of what handlers do.

    @operation
    async def get_foundation_model(call: Call, request: GetFoundationModelRequest) -> GetFoundationModelResponse: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from ..call import Call, Identity
from . import spec

__all__ = ["HANDLERS", "Call", "Handler", "Handlers", "Identity", "operation"]

Kind = Literal["real", "state only"]


Function = Callable[[Call, Any], Awaitable[Any]]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that serves one operation. `kind` says on docs/coverage.md whether it does more than keep state."""

    function: Function
    kind: Kind = "real"


Handlers = dict[tuple[str, str], Handler]
"""Handlers by (service, operation name)."""

HANDLERS: Handlers = {}


@overload
def operation(handler: F, /) -> F: ...
@overload
def operation(*, service: str | None = None, kind: Kind = "real") -> Callable[[F], F]: ...
def operation(handler: Any = None, /, *, service: str | None = None, kind: Kind = "real") -> Any:
    """Register a function as the handler of the operation it is named after (`list_agents` -> ListAgents).

    `service` says which one where several services have that operation. Raises LookupError at import when the models
    know no such operation, or several, and ValueError when it already has a handler.
    """

    def register(function: F) -> F:
        key = _find(function.__name__, service)
        if key in HANDLERS:
            raise ValueError(f"{key[0]} {key[1]} already has a handler: {HANDLERS[key].function.__qualname__}")
        HANDLERS[key] = Handler(function, kind)
        return function

    return register if handler is None else register(handler)


def _find(snake: str, service: str | None) -> tuple[str, str]:
    name = "".join(word.capitalize() for word in snake.split("_"))
    found = [model.name for model in spec.services() if name in model.operation_names and service in (None, model.name)]
    if len(found) != 1:
        where = f"service={service!r}" if service else " and ".join(found) or "no service"
        raise LookupError(f"{snake}: {name} is an operation of {where}; name one with @operation(service=...)")
    return found[0], name
