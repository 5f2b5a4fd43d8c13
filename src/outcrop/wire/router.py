"""From a method and a raw path to an operation and its still encoded labels.

Knows nothing of bodies or headers. Works on the path as it was sent: an ARN with %2F in it is one segment, and a
trailing slash counts (`POST /agents/x/` prepares an agent, `POST /agents/x` invokes an inline one).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from . import spec, validate
from .spec import Operation, Service


class Match(NamedTuple):
    operation: Operation
    labels: dict[str, str]


@dataclass(slots=True)
class _Leaf:
    """An operation at the end of a path: names of its labels in order, and query items it insists on."""

    service: Service
    name: str
    labels: list[str]
    query: list[tuple[str, str]]

    @property
    def operation(self) -> Operation:
        return self.service.operation(self.name)


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    label: _Node | None = None
    greedy: _Node | None = None
    leaves: list[_Leaf] = field(default_factory=list)


class Router:
    """Routes of some services; all four by default."""

    def __init__(self, services: Iterable[Service] | None = None) -> None:
        self._roots: dict[str, _Node] = {}
        for service in spec.services() if services is None else services:
            for method, uri, name in service.routes():
                self._add(service, method, uri, name)

    def match(self, method: str, raw_path: str, query: str = "") -> Match | None:
        """The operation that a request line names, or None. Labels are percent-encoded as they came."""
        root = self._roots.get(method)
        found = _walk(root, raw_path.split("/")[1:], 0, []) if root and raw_path[:1] == "/" else None
        if found is None:
            return None
        leaves, values = found
        leaf = leaves[0] if len(leaves) == 1 and not leaves[0].query else _choose(leaves, values, query)
        return Match(leaf.operation, dict(zip(leaf.labels, values, strict=True))) if leaf else None

    def _add(self, service: Service, method: str, uri: str, name: str) -> None:
        path, _, query = uri.partition("?")
        node, labels = self._roots.setdefault(method, _Node()), []
        for segment in path.split("/")[1:]:
            node = _step(node, segment)
            if segment.startswith("{"):
                labels.append(segment.strip("{}+"))
        node.leaves.append(_Leaf(service, name, labels, parse_qsl(query, keep_blank_values=True)))


def _step(node: _Node, segment: str) -> _Node:
    if not segment.startswith("{"):
        return node.literal.setdefault(segment, _Node())
    if segment.endswith("+}"):
        node.greedy = node.greedy or _Node()
        return node.greedy
    node.label = node.label or _Node()
    return node.label


def _walk(node: _Node, path: list[str], at: int, values: list[str]) -> tuple[list[_Leaf], list[str]] | None:
    """Depth first: a literal before a label before a greedy label. A label is never empty."""
    if at == len(path):
        return (node.leaves, values) if node.leaves else None
    segment = path[at]
    if (after := node.literal.get(segment)) and (found := _walk(after, path, at + 1, values)):
        return found
    if node.label and segment and (found := _walk(node.label, path, at + 1, [*values, segment])):
        return found
    return _walk_greedy(node.greedy, path, at, values) if node.greedy else None


def _walk_greedy(node: _Node, path: list[str], at: int, values: list[str]) -> tuple[list[_Leaf], list[str]] | None:
    for end in range(len(path), at, -1):
        taken = "/".join(path[at:end])
        if taken and (found := _walk(node, path, end, [*values, taken])):
            return found
    return None


def _choose(leaves: list[_Leaf], values: list[str], query: str) -> _Leaf | None:
    """Among operations on one path: the one whose query items are there and whose labels fit their patterns.

    Agents and the agent runtime share `/tags/{arn}`: only the ARN tells them apart. When no label fits, the first
    operation has it and its validation says what is wrong.
    """
    given = parse_qsl(query, keep_blank_values=True)
    open_ = [leaf for leaf in leaves if all(item in given for item in leaf.query)]
    fitting = (leaf for leaf in open_ if _labels_fit(leaf, values))
    return next(fitting, open_[0] if open_ else None)


def _labels_fit(leaf: _Leaf, values: list[str]) -> bool:
    members = {member.wire: member for member in leaf.operation.input.at("uri")}
    texts = zip(leaf.labels, values, strict=True)
    return not any(validate.faults(members[label].shape, unquote(text)) for label, text in texts)
