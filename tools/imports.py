"""Check that imports point one way: a room may import from its own row and the rows below, never from above.

    python tools/imports.py            # exit status 1 and one line per import that points up

Imports under TYPE_CHECKING do not count: they are gone at run time.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent / "src" / "outcrop"

ROWS = [
    {"__main__", "training"},
    {"cli"},
    {"app", "server"},
    {"endpoints", "environment", "models_cli", "jobs_cli"},
    {"api"},
    {"wire", "services", "checking"},
    {"custom", "retention"},
    {"inference", "jobs"},
    {"asynchronous", "rules", "attachments", "documents", "dialects", "telemetry", "invocation_log", "adding"},
    {"engines", "catalog", "pull"},
    {"keys", "tls", "store", "packaged", "convert", "vectors", "evaluation", "models"},
    {"turn", "call", "logs", "hyperparameters"},
    {"names"},
    {"clients", "columns", "config", "errors", "ids", "shapes"},
    {"__init__"},
]
"""The rooms from the door to the cellar. Training stands at the top: a process of its own that nobody may import."""

RANK = {room: rank for rank, row in enumerate(ROWS) for room in row}


def main() -> int:
    faults = [fault for path in sorted(ROOT.rglob("*.py")) for fault in check(path)]
    print("\n".join(faults) or "imports point one way")
    return 1 if faults else 0


def check(path: Path) -> Iterator[str]:
    inside = path.relative_to(ROOT).with_suffix("").parts
    room = inside[0]
    if room not in RANK:
        yield f"{path}: the room {room} has no row in tools/imports.py"
        return
    for line, target in imported(path, inside):
        if RANK.get(target, len(ROWS)) < RANK[room]:
            yield f"{path}:{line}: {room} imports {target}, which stands above it"


def imported(path: Path, inside: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """(line, room) of every import of our own that happens at run time."""
    for node in runtime(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*inside[: len(inside) - node.level], *(node.module or "").split(".")]
            base = [part for part in base if part]
            yield from ((node.lineno, base[0]) for _ in [0] if base)
            yield from ((node.lineno, alias.name) for alias in node.names if not base)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("outcrop."):
            yield node.lineno, (node.module or "").split(".")[1]


def runtime(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from runtime(node)


if __name__ == "__main__":
    sys.exit(main())
