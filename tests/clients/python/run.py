"""Run one client's stages in the environment that has it: `python -m tests.clients.python.run MODULE LINES`.

LINES is a file with the lines of docs/clients.md; a stage is a function of the module, and its parameters are names
that those lines define. Prints a JSON object: stage -> {"told": result} or {"raised": [class names], "message": text}.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

STAGES = ("chat", "stream", "tool", "partial", "embed", "rerank", "refused")


def main(module: str, lines: str) -> None:
    names: dict[str, Any] = {}
    exec(compile(Path(lines).read_text(), lines, "exec"), names)  # noqa: S102 - the lines of the page
    stages = vars(importlib.import_module(f"tests.clients.python.{module}"))
    told = {stage: outcome(stages[stage], names) for stage in STAGES if stage in stages}
    print(json.dumps(told))


def outcome(stage: Callable[..., Any], names: dict[str, Any]) -> dict[str, Any]:
    try:
        done = stage(**{name: names[name] for name in inspect.signature(stage).parameters})
        return {"told": asyncio.run(done) if inspect.iscoroutine(done) else done}
    except Exception as error:
        kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
        return {"raised": kinds, "message": str(error), "traceback": traceback.format_exc()}


if __name__ == "__main__":
    main(*sys.argv[1:])
