"""What grades answers: a Python function, an HTTP endpoint, a model that judges by the user's criteria, or a grader as
OpenAI's API describes it.

Knows nothing of training. All take what AWS sends to a reward function's Lambda and give what it gives back, so that
such a function runs here as it is. Source: docs.aws.amazon.com/bedrock/latest/userguide/reward-functions.html.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ..jobs import openai_graders
from ..jobs.data import DataError

Sample = dict[str, Any]
"""{"id", "messages" with the answer as the last turn, ...all else of the data's line, such as "reference_answer"}"""
Grade = Callable[[Sequence[Sample]], list[float]]

TIMEOUT_S = 900.0
"""The longest a Lambda may run."""
TRIES, PAUSE_S = 3, 1.0
"""How often a grader that cannot be reached is asked, and the first pause between, which doubles."""
JUDGES_AT_ONCE = 8
HIGHEST = 10
"""The judge's best mark."""
QUOTED = 300


class GraderError(DataError):
    """The grader failed, took too long, or gave what is no score."""


def packed(known: dict[str, Any]) -> str:
    """What a line holds besides its messages, as one column of text."""
    return json.dumps(known)


def sample(messages: list[dict[str, Any]], known: str) -> Sample:
    return {**json.loads(known), "id": uuid.uuid4().hex, "messages": messages}


def grader(spec: dict[str, Any]) -> Grade:
    """The grader of job.json: {"python": "path.py:function"}, {"url"} or {"model", "criteria", "service"}, each with an
    optional "timeout_s". GraderError for a function that cannot be loaded."""
    make = next(make for name, make in KINDS.items() if name in spec)
    return make(spec, spec.get("timeout_s", TIMEOUT_S))


def scores(samples: Sequence[Sample], results: Any) -> list[float]:
    """The aggregate_reward_score of each sample, in their order. GraderError where one is missing or no number."""
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise GraderError(f"The grader gave no list of results but: {_quoted(results)}")
    given = {result.get("id"): result.get("aggregate_reward_score") for result in results}
    return [_number(given, one["id"]) for one in samples]


def _number(given: dict[Any, Any], id: str) -> float:
    value = given.get(id)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GraderError(f"The grader gave no aggregate_reward_score for an answer but: {_quoted(value)}")
    return float(value)


def _quoted(value: Any) -> str:
    return repr(value)[:QUOTED]


# a Python function -----------------------------------------------------------------------------------------------


def _python(spec: dict[str, Any], timeout_s: float) -> Grade:
    """`lambda_handler(event, context)` of a file, called in this process; its context is None."""
    path, _, name = spec["python"].rpartition(":")
    handler = getattr(_loaded(Path(path)), name, None)
    if not callable(handler):
        raise GraderError(f"The grader {path} has no function {name}.")
    return lambda samples: scores(samples, _within(timeout_s, partial(handler, _copied(samples), None)))


def _loaded(path: Path) -> Any:
    found = importlib.util.spec_from_file_location(f"grader_{path.stem}", path)
    if found is None or found.loader is None:
        raise GraderError(f"The grader {path} is not a Python file.")
    module = importlib.util.module_from_spec(found)
    sys.path.insert(0, str(path.parent))  # it may import what lies beside it, as in a Lambda
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise GraderError(f"The grader {path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _copied(samples: Sequence[Sample]) -> Any:
    """As a Lambda gets them: what it changes is its own."""
    return json.loads(json.dumps(list(samples)))


def _within(timeout_s: float, work: Callable[[], Any]) -> Any:
    """The result of `work`. A thread that is given up ends with the process, which a failed grader ends."""
    told: list[Any] = []

    def run() -> None:
        try:
            told.append((work(), None))
        except BaseException as error:  # also what a handler's sys.exit raises
            told.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not told:
        raise GraderError(f"The grader took longer than {timeout_s:g} s.")
    result, error = told[0]
    if error:
        raise GraderError(f"The grader failed: {type(error).__name__}: {str(error)[:QUOTED]}") from error
    return result


# an HTTP endpoint ------------------------------------------------------------------------------------------------


def _http(spec: dict[str, Any], timeout_s: float) -> Grade:
    """The samples as one JSON list in a POST, the results as one JSON list in the answer."""
    return lambda samples: scores(samples, _post(spec["url"], list(samples), {}, timeout_s))


def _post(url: str, body: Any, headers: dict[str, str], timeout_s: float) -> Any:
    """The JSON answer to a POST. Asked again where the other side is away or busy. GraderError says what is wrong."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}, method="POST"
    )
    failure = ""
    for attempt in range(TRIES):
        time.sleep(PAUSE_S * (2**attempt - 1))
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return json.loads(answer.read())
        except TimeoutError as error:
            raise GraderError(f"The grader {url} took longer than {timeout_s:g} s.") from error
        except urllib.error.HTTPError as error:
            failure = f"answered {error.code}: {error.read(QUOTED).decode(errors='replace')}"
            if error.code < 500 and error.code != 429:
                break
        except ValueError as error:
            raise GraderError(f"The grader {url} did not answer in JSON: {error}") from error
        except OSError as error:
            failure = f"cannot be reached: {error}"
    raise GraderError(f"The grader {url} {failure}")


# a model as judge ------------------------------------------------------------------------------------------------

JUDGE = """You grade the last answer of a conversation by these criteria:

{criteria}

Reply with one whole number from 0 (worst) to {highest} (best) and nothing else."""


def _judge(spec: dict[str, Any], timeout_s: float) -> Grade:
    """Each sample is judged by one Converse request to the service; the mark counts as 0 to 1."""

    def grade(samples: Sequence[Sample]) -> list[float]:
        with ThreadPoolExecutor(JUDGES_AT_ONCE) as threads:
            said = list(threads.map(lambda one: _judged(spec, one, timeout_s), samples))
        marks = [_mark(text) for text in said]
        if all(mark is None for mark in marks):
            raise GraderError(f"The judge {spec['model']} gives no marks; it said: {_quoted(said[0])}")
        return [mark or 0.0 for mark in marks]

    return grade


def _judged(spec: dict[str, Any], one: Sample, timeout_s: float) -> str:
    """What the judge says of one sample."""
    service = spec["service"]
    body = {
        "system": [{"text": JUDGE.format(criteria=spec["criteria"], highest=HIGHEST)}],
        "messages": [{"role": "user", "content": [{"text": _shown(one)}]}],
        "inferenceConfig": {"temperature": 0, "maxTokens": spec.get("max_tokens", 512)},
    }
    url = f"{service['url']}/model/{urllib.parse.quote(spec['model'], safe='')}/converse"
    answer = _post(url, body, {"Authorization": f"Bearer {service['key']}"}, timeout_s)
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def _shown(one: Sample) -> str:
    """A sample as the judge reads it."""
    turns = [f"{turn['role']}: {turn['content']}" for turn in one["messages"]]
    known = [f"{name}: {json.dumps(value)}" for name, value in one.items() if name not in ("id", "messages")]
    return "\n".join([*turns, *known])


def _mark(text: str) -> float | None:
    """The last number of what was said, 0 to 1 of HIGHEST; reasoning may come before it."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text)
    return min(1.0, max(0.0, float(numbers[-1]) / HIGHEST)) if numbers else None


# OpenAI's graders ------------------------------------------------------------------------------------------------


def _openai(spec: dict[str, Any], timeout_s: float) -> Grade:
    """Answers, or judgements of them, that cannot be read earn nothing; where none can be, the grader has failed."""
    ask = partial(_asked, spec.get("service"), timeout_s)

    def mark(one: Sample) -> float | None:
        item = {name: value for name, value in one.items() if name != "id"} | {"messages": one["messages"][:-1]}
        try:
            return openai_graders.score(spec["openai"], item, one["messages"][-1]["content"], ask)
        except openai_graders.Unreadable:
            return None
        except LookupError as error:
            raise GraderError(f"The grader reads what a line of the data does not have: {error}") from error

    def grade(samples: Sequence[Sample]) -> list[float]:
        with ThreadPoolExecutor(JUDGES_AT_ONCE) as threads:
            marks = list(threads.map(mark, samples))
        if all(one is None for one in marks) and openai_graders.models(spec["openai"]):
            raise GraderError("The grader's model gives no scores that can be read.")
        return [one or 0.0 for one in marks]

    return grade


def _asked(service: dict[str, str], timeout_s: float, judge: dict[str, Any], messages: Any, schema: Any) -> Any:
    """What a judge says, as the `result` of the JSON object that it is made to write; None where it was cut short."""
    shape = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
    sampling = dict(judge.get("sampling_params") or {})
    if (most := sampling.pop("max_completions_tokens", None)) is not None:
        sampling["max_completion_tokens"] = most
    form = {"type": "json_schema", "json_schema": {"name": "score", "schema": shape}}
    body = {"model": judge["model"], "messages": messages, "response_format": form, **sampling}
    headers = {"Authorization": f"Bearer {service['key']}"}
    answer = _post(f"{service['url']}/v1/chat/completions", body, headers, timeout_s)
    try:
        return json.loads(answer["choices"][0]["message"]["content"])["result"]
    except (TypeError, ValueError, LookupError):
        return None


KINDS: dict[str, Callable[[dict[str, Any], float], Grade]] = {
    "python": _python,
    "url": _http,
    "model": _judge,
    "openai": _openai,
}
"""The member of a grader's entry that says what it is -> what makes it."""
