"""What was trained, asked through llama.cpp as the service would: a child process, greedy answers.

Knows nothing of training.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outcrop.engines.llama import Options

KEY = "test"
ADAPTED: dict[str, Any] = {"lora": [{"id": 0, "scale": 1.0}]}


@contextmanager
def served(model: Path, adapter: Path | None = None, slots: int = 4) -> Iterator[str]:
    """The address of an engine on `model` with `adapter` loaded: requests say ADAPTED to be answered by it."""
    loras = (str(adapter),) if adapter else ()
    options = Options(
        model=str(model), key=KEY, context=512, slots=slots, pool=512 * slots, shared=False, threads=1,
        prompt_cache_mib=0, loras=loras,
    )  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-m", "outcrop.engines.llama"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )
    with child:
        assert child.stdin and child.stdout
        child.stdin.write(options.line())
        child.stdin.flush()
        try:
            yield json.loads(child.stdout.readline())["address"]
        finally:
            child.kill()


def post(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def answer(url: str, prompt: str, most: int = 24, **more: Any) -> str:
    body = {"messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": most, **more}
    return post(url, "/v1/chat/completions", body)["choices"][0]["message"]["content"] or ""


def share_right(model: Path, questions: Sequence[tuple[str, str]], adapter: Path | None = None) -> float:
    """The share of questions, 0 to 1, that are answered word for word."""
    with served(model, adapter) as url, ThreadPoolExecutor(4) as threads:
        more = ADAPTED if adapter else {}
        answers = list(threads.map(lambda one: answer(url, one[0], **more).strip(), questions))
    return sum(said == right for said, (_, right) in zip(answers, questions, strict=True)) / len(questions)
