"""What stands in for the Lambda function that a reinforcement job names as its grader: one entry each in home/graders/.

Knows nothing of grading; `training/graders.py` does that, in the worker. For the function NAME either NAME.py, with a
`lambda_handler(event, context)` as on AWS, or NAME.toml with one of
    python = "file.py:function"                     # in the same folder
    url = "http://127.0.0.1:9000/grade"             # gets AWS's event as a POST
    model = "outcrop.pebble-v1"                     # judges by the criteria, through this service
    criteria = "..."
and, where wanted, `timeout_s` and, for a judge, `max_tokens`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ..config import Settings
from ..errors import ValidationException
from ..keys import Keys
from . import openai_graders

KINDS: dict[str, type] = {"python": str, "url": str, "model": str}
"""The member that says what kind of grader it is; an entry has exactly one."""
FIELDS: dict[str, Any] = {**KINDS, "criteria": str, "timeout_s": int | float, "max_tokens": int}
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def find(home: Path, arn: str) -> dict[str, Any]:
    """The entry for a Lambda function's ARN, as training/graders.py takes it but for a judge's `service`.
    ValidationException says what is missing or wrong."""
    name, folder = arn.split(":")[6], home / "graders"
    table, code = folder / f"{name}.toml", folder / f"{name}.py"
    if table.is_file():
        return _entry(table)
    if code.is_file():
        return {"python": f"{code}:lambda_handler"}
    raise ValidationException(
        f"Nothing stands in for the grader {arn}: put {name}.py with lambda_handler(event, context), or {name}.toml, "
        f"into {folder}."
    )


def _entry(path: Path) -> dict[str, Any]:
    try:
        entry = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValidationException(f"The grader {path} cannot be read: {error}") from error
    if wrong := _wrong(entry):
        raise ValidationException(f"The grader {path}: {wrong}")
    if "python" in entry:
        return {**entry, "python": str(path.parent / entry["python"])}
    return entry


def _wrong(entry: dict[str, Any]) -> str | None:
    for name, value in entry.items():
        if name not in FIELDS or isinstance(value, bool) or not isinstance(value, FIELDS[name]):
            return f"{name} is unknown or of the wrong type; known: {', '.join(FIELDS)}."
    if len(KINDS.keys() & entry.keys()) != 1:
        return f"it must have exactly one of {', '.join(KINDS)}."
    if "model" in entry and "criteria" not in entry:
        return "a judge needs criteria."
    return None


async def with_service(entry: dict[str, Any], settings: Settings, keys: Keys | None, job: str) -> dict[str, Any]:
    """The entry with what a judge is asked through: the service's address and a key of the job's own."""
    if "model" not in entry and not openai_graders.models(entry.get("openai", {})):
        return entry
    if keys is None:
        raise ValidationException("A model cannot judge where there are no keys.")
    await forget(keys, job)
    key = await keys.create(_name(job), "api-key")
    url = f"http://{ANYWHERE.get(settings.host, settings.host)}:{settings.port}"
    return {**entry, "service": {"url": url, "key": key.secret}}


async def forget(keys: Keys, job: str) -> None:
    """Revoke the key of a job that has ended, if it had one."""
    for key in await keys.list():
        if key.name == _name(job) and key.active:
            await keys.revoke(key.id)


def _name(job: str) -> str:
    return f"judge-of-{job}"
