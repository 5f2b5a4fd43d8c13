"""Runs the rest-json protocol cases of botocore's source distribution through our parser and our serialiser.

Knows nothing of Bedrock: the cases bring their own service models. An input case is a request and the parameters a
client made it from: we must read those. An output case is a result and the response it travels in: botocore must read
the result back from the response that we write. The distribution is downloaded once into build/cache.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from json import load, loads
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore
from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser

from outcrop.errors import ServiceError
from outcrop.wire import scalar
from outcrop.wire.restjson import Incoming, Outgoing, request_reader, response_writer
from outcrop.wire.router import Router
from outcrop.wire.spec import Service, Shape
from outcrop.wire.values import error_body

CACHE = Path(__file__).parent.parent / "build" / "cache"
CASES = "tests/unit/protocols/{side}/rest-json.json"

UNSEEN = "what the client leaves out (a null, an empty list) cannot be told from what it never had"
GZIP = "no Bedrock operation has the requestcompression trait"
NOT_FOR_A_SERVER = {
    "RestJsonHostWithPath": "the path belongs to the client's endpoint, not to the operation",
    "RestJsonNullAndEmptyHeaders": UNSEEN,
    "RestJsonOmitsEmptyListQueryValues": UNSEEN,
    "RestJsonHttpWithEmptyStructurePayload": "a body of {} is an empty structure, whatever the client meant by it",
    "RestJsonHttpWithHeadersButNoPayload": "a body of {} is an empty structure, whatever the client meant by it",
    "RestJsonQueryIdempotencyTokenAutoFill": "the client makes the token up",
    "RestJsonQueryParamsStringListMap": "a server's map holds all query items, those with a member of their own too",
    "RestJsonQueryPrecedence": "the client drops a value that another one of the same name hides",
    "SDKAppliedContentEncoding_restJson1": GZIP,
    "SDKAppendedGzipAfterProvidedEncoding_restJson1": GZIP,
    "HttpPrefixHeadersResponse": "with an empty prefix every header of a real response is in the map",
}
"""Cases that say nothing about a server, and why."""

Case = dict[str, Any]
Suite = dict[str, Any]


def suites(side: str) -> list[Suite]:
    """The suites of one side, `input` or `output`."""
    with tarfile.open(_distribution()) as archive:
        name = next(name for name in archive.getnames() if name.endswith(CASES.format(side=side)))
        member = archive.extractfile(name)
        assert member is not None
        return load(member)


def _distribution() -> Path:
    """botocore's source archive of the installed version."""
    path = CACHE / f"botocore-{botocore.__version__}.tar.gz"
    if not path.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            wanted = ["--no-deps", "--no-binary", "botocore", f"botocore=={botocore.__version__}"]
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "-d", folder, *wanted], check=True)
            (Path(folder) / path.name).rename(path)
    return path


def cases(side: str) -> Iterator[tuple[str, Suite, Case]]:
    for suite in suites(side):
        for case in suite["cases"]:
            yield case.get("id") or case["given"]["name"], suite, case


def service(suite: Suite, case: Case) -> Service:
    operation = {"input": None, "output": None, **case["given"]}
    operation = {key: value for key, value in operation.items() if value is not None}
    model = {"metadata": suite["metadata"], "shapes": suite["shapes"], "operations": {operation["name"]: operation}}
    return Service("conformance", model)


# ------------------------------------------------------------------ input


def reads(suite: Suite, case: Case) -> str | None:
    """What is wrong with our reading of a request; None when it gives the parameters back."""
    ours, sent = service(suite, case), case["serialized"]
    url = urlsplit(sent["uri"])
    match = Router([ours]).match(sent.get("method", "POST"), url.path, url.query)
    if match is None:
        return "no route"
    headers = {name.lower(): value for name, value in sent.get("headers", {}).items()}
    body = sent.get("body", "").encode()
    read = request_reader(match.operation)(Incoming(match.labels, url.query, headers, body))
    return _difference(match.operation.input, read, case["params"])


# ------------------------------------------------------------------ output


def writes(suite: Suite, case: Case) -> str | None:
    """What is wrong with the response we write; None when botocore reads the result back from it."""
    return _writes_error(suite, case) if "error" in case else _writes_result(suite, case)


def _writes_result(suite: Suite, case: Case) -> str | None:
    ours = service(suite, case).operation(case["given"]["name"])
    answer = response_writer(ours)(_python(ours.output, case["result"]))
    if _is_as_given(answer, case["response"]):
        return None
    read = _botocore_reads(suite, case, answer.status, answer.headers, answer.body)
    return _difference(ours.output, read, case["result"])


def _is_as_given(answer: Outgoing, given: dict[str, Any]) -> bool:
    """Whether our response is the very one of the case (botocore's reading of headers has gaps of its own)."""
    headers = {name.lower(): value for name, value in given.get("headers", {}).items() if name != "Content-Length"}
    body = given.get("body", "").encode()
    same_body = answer.body == body or (_is_json(body) and _is_json(answer.body) and loads(answer.body) == loads(body))
    return same_body and all(answer.headers.get(name) == value for name, value in headers.items())


def _is_json(body: bytes) -> bool:
    return body[:1] in (b"{", b"[")


def _writes_error(suite: Suite, case: Case) -> str | None:
    ours = service(suite, case)
    name = case["errorCode"]
    shape = next((error for error in ours.operation(case["given"]["name"]).errors.values() if error.name == name), None)
    members = {key: value for key, value in case["error"].items() if key.lower() != "message"}
    error = type(name, (ServiceError,), {})(case.get("errorMessage", ""), **members)
    headers = {"x-amzn-errortype": name, "content-type": "application/json"}
    status = case["response"]["status_code"]
    read = _botocore_reads(suite, case, status, headers, error_body(error, shape), name)
    if read.get("Error", {}).get("Code") != name:
        return f"error code {read.get('Error')}"
    wanted = {key: value for key, value in case["error"].items() if key in members}
    return _difference(shape, {key: read.get(key) for key in wanted}, wanted) if shape else None


def _botocore_reads(
    suite: Suite, case: Case, status: int, headers: dict[str, str], body: bytes, error: str = ""
) -> Any:
    model = ServiceModel({"metadata": suite["metadata"], "shapes": suite["shapes"], "operations": {}})
    operation = OperationModel(case["given"], model)
    given = {"status_code": status, "headers": HeadersDict(headers), "body": body, "context": {}}
    read = create_parser("rest-json").parse(given, operation.output_shape)
    if error and error in suite["shapes"]:
        read.update(create_parser("rest-json").parse(given, model.shape_for(error)))
    read.pop("ResponseMetadata", None)
    return read


# ------------------------------------------------------------------ values


def _difference(shape: Shape, read: Any, wanted: Any) -> str | None:
    here, there = _plain(shape, read), _plain(shape, wanted)
    return None if here == there else f"read {here}, wanted {there}"


def _plain(shape: Shape, value: Any) -> Any:
    """A value as the cases write it: times as seconds, bytes as text, floats that are not numbers by name."""
    return _walk(shape, value, _plain_scalar)


def _plain_scalar(shape: Shape, value: Any) -> Any:
    if shape.type == "timestamp" and isinstance(value, datetime):
        return value.timestamp()
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        return value.decode()
    return scalar.write_float(value) if isinstance(value, float) else value


def _python(shape: Shape, value: Any) -> Any:
    """A value as a handler would give it."""
    return _walk(shape, value, _python_scalar)


def _python_scalar(shape: Shape, value: Any) -> Any:
    if shape.type == "blob":
        return value.encode()
    return scalar.NOT_FINITE.get(value, value) if shape.type in ("float", "double") else value


def _walk(shape: Shape, value: Any, change: Callable[[Shape, Any], Any]) -> Any:
    if value is None or shape.is_document:
        return value
    if shape.type == "structure":
        present = ((name, item) for name, item in value.items() if item is not None)
        return {name: _walk(shape.members[name].shape, item, change) for name, item in present}
    if shape.type == "list":
        return [_walk(shape.item.shape, item, change) for item in value]
    if shape.type == "map":
        return {key: _walk(shape.value.shape, item, change) for key, item in value.items()}
    return change(shape, value)


# ------------------------------------------------------------------ the run


def run(side: str, judge: Callable[[Suite, Case], str | None]) -> bool:
    """Judge every case of a side and print the counts; whether all that apply passed."""
    passed, apart, failed = 0, 0, []
    for name, suite, case in cases(side):
        if name in NOT_FOR_A_SERVER:
            apart += 1
        elif fault := _judged(judge, suite, case):
            failed.append(f"  {name}: {fault}")
        else:
            passed += 1
    total = passed + apart + len(failed)
    print(f"{side}: {passed} passed, {len(failed)} failed, {apart} not for a server, {total} in all")
    print("\n".join(failed), end="\n" if failed else "")
    return not failed


def _judged(judge: Callable[[Suite, Case], str | None], suite: Suite, case: Case) -> str | None:
    try:
        return judge(suite, case)
    except Exception as error:  # a case that breaks us is a case that fails
        return f"{type(error).__name__}: {error}"


def main() -> int:
    print(f"rest-json cases of botocore {botocore.__version__}")
    fine = [run("input", reads), run("output", writes)]
    for name, why in NOT_FOR_A_SERVER.items():
        print(f"  {name}: {why}")
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
