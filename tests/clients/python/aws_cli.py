"""The aws CLI, in a shell that ran the lines. It has no commands for event streams."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.clients.python.boto3 import text, user
from tests.clients.words import ASK_NAME, ASK_WEATHER, CONVERSE_TOOLS, HELLO, MISSING, MODEL, RESULT, TEXTS, TITAN

AWS = Path(sys.executable).with_name("aws")
SETTINGS = '{"maxTokens": 200, "temperature": 0}'


class Failed(Exception):
    """What the CLI wrote to stderr."""


def aws(*words: str) -> Any:
    done = subprocess.run([AWS, "bedrock-runtime", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(done.stderr)
    return json.loads(done.stdout)


def converse(messages: list[Any], *options: str, model: str = MODEL) -> Any:
    words = ["converse", "--model-id", model, "--messages", json.dumps(messages), "--inference-config", SETTINGS]
    return aws(*words, *options)["output"]["message"]


def chat() -> list[str]:
    first = converse([user(HELLO)])
    return [text(first), text(converse([user(HELLO), first, user(ASK_NAME)]))]


def tool() -> dict[str, Any]:
    asked = converse([user(ASK_WEATHER)], "--tool-config", json.dumps({**CONVERSE_TOOLS, "toolChoice": {"any": {}}}))
    use = next(block["toolUse"] for block in asked["content"] if "toolUse" in block)
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": RESULT}]}}
    answer = converse([user(ASK_WEATHER), asked, user(result)], "--tool-config", json.dumps(CONVERSE_TOOLS))
    return {"name": use["name"], "input": use["input"], "answer": text(answer)}


def embed() -> list[list[float]]:
    return [vector(text) for text in TEXTS]


def vector(text: str) -> list[float]:
    with tempfile.NamedTemporaryFile("r") as out:
        body = json.dumps({"inputText": text})
        aws("invoke-model", "--model-id", TITAN, "--body", body, out.name)
        return json.load(out)["embedding"]


def refused() -> None:
    converse([user(HELLO)], model=MISSING)
