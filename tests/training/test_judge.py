"""A model as judge through a live service: judges that say nonsense, fail or are gone; then a job that learns from one.

The judge is a server of the test's own, added to the service like any other model; its marks follow a rule.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.live import Live, running
from tests.training import tiny_base, workers
from tests.training.test_methods import graded

pytestmark = [pytest.mark.timeout(1800), *workers.MARKS]  # the first of two timeouts counts

ROLE = "arn:aws:iam::000000000000:role/any"
LIKED = tiny_base.CODES[:4]
KIND = ("--kind", "openai", "--served-name", "judge")
CRITERIA = "Only the codes of the first shelf are right."


class Judge(BaseHTTPRequestHandler):
    """Answers by the first part of its path: `good` marks by rule, `chatty` gives no mark, `broken` fails."""

    keys: set[str] = set()  # noqa: RUF012

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = self.path.split("/")[1]
        self.send_response(500 if kind == "broken" else 200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta, reason in (({"role": "assistant", "content": MARKS[kind](body)}, None), ({}, "stop")):
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        pass


def mark(body: dict[str, Any]) -> str:
    system, shown = (str(message["content"]) for message in body["messages"])
    answer = shown.rpartition("assistant:")[2].split()
    return "10" if CRITERIA in system and set(answer) & set(LIKED) else "0"


MARKS = {"good": mark, "chatty": lambda body: "I like them all.", "broken": lambda body: "", "gone": lambda body: ""}


@pytest.fixture(scope="module")
def judges() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def live(judges: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with the judges, and an entry among the graders for each."""
    home = tmp_path_factory.mktemp("judged") / "home"
    (home / "graders").mkdir(parents=True)
    with running(home, {"model": "", "engine": "wheel", "engine_threads": "1"}) as live:
        added = []
        for kind in MARKS:
            url = "http://127.0.0.1:9" if kind == "gone" else f"{judges}/{kind}"
            added.append(live.cli("models", "add", url, *KIND, "--id", f"judge.{kind}"))
            entry = f"model = 'judge.{kind}'\ncriteria = '{CRITERIA}'\n"
            (home / "graders" / f"{kind}.toml").write_text(entry)
        assert not [done.stderr for done in added if done.returncode]
        yield live


def client(live: Live, name: str) -> Any:
    session = boto3.Session(live.env["AWS_ACCESS_KEY_ID"], live.env["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
    return session.client(name, endpoint_url=live.url)


FAILING = {"chatty": "gives no marks; it said: 'I like them all.'", "broken": "answered ", "gone": "answered "}


@pytest.mark.parametrize("kind", FAILING)
def test_a_judge_that_fails_ends_the_job_in_its_words(live: Live, taught: Path, tmp_path: Path, kind: str) -> None:
    """The worker is real and asks the running service; only its imports are not paid again."""
    key = live.cli("keys", "create", kind, "--api-key").stdout.split()[-1]
    grader = {"model": f"judge.{kind}", "criteria": CRITERIA, "service": {"url": live.url, "key": key}}
    h = {"batchSize": 4, "trainingSamplePerPrompt": 2, "inferenceMaxTokens": 4}
    order = {"method": "REINFORCEMENT_FINE_TUNING", "hyperparameters": h, "grader": grader}
    folder = workers.job(tmp_path / "job", taught / "model" / "hf", graded(8, 4), **order)
    assert workers.run(folder) == 1
    assert FAILING[kind] in (workers.failure(folder) or "")


def test_a_service_that_is_gone_fails_the_job(taught: Path, tmp_path: Path) -> None:
    grader = {"model": "judge.good", "criteria": CRITERIA, "service": {"url": "http://127.0.0.1:9", "key": "k"}}
    h = {"batchSize": 4, "trainingSamplePerPrompt": 2, "inferenceMaxTokens": 4}
    order = {"method": "REINFORCEMENT_FINE_TUNING", "hyperparameters": h, "grader": grader}
    folder = workers.job(tmp_path / "job", taught / "model" / "hf", graded(8, 4), **order)
    assert workers.run(folder) == 1
    assert "cannot be reached" in (workers.failure(folder) or "")


def test_what_a_judge_likes_is_said_more_often(live: Live, taught: Path) -> None:
    """Through boto3 alone, on held-out questions; the control is the model that the job began with. The judge's key is
    gone with the job."""
    with closing(client(live, "s3")) as s3:
        s3.create_bucket(Bucket="judged")
        lines = "".join(json.dumps(line) + "\n" for line in graded(48, 4))
        s3.put_object(Bucket="judged", Key="train.jsonl", Body=lines.encode())
        for file in (taught / "model" / "hf").iterdir():
            s3.put_object(Bucket="judged", Key=f"taught/{file.name}", Body=file.read_bytes())
    with closing(client(live, "bedrock")) as bedrock:
        base = begun(bedrock)
        models = base, trained(bedrock)
        deployed = [deployment(bedrock, model) for model in models]
    assert "judge-of-" not in active_keys(live)
    before, after = (liked(live, name) for name in deployed)
    assert (before < 0.7, after > 0.85) == (True, True), (before, after)


def begun(bedrock: Any) -> str:
    """The ARN of a custom model of the taught weights."""
    source = {"s3DataSource": {"s3Uri": "s3://judged/taught/"}}
    bedrock.create_custom_model(modelName="taught", modelSourceConfig=source)
    made = ended(bedrock.get_custom_model, "modelStatus", modelIdentifier="taught")
    assert made["modelStatus"] == "Active", made
    return made["modelArn"]


def trained(bedrock: Any) -> str:
    """The ARN of what a job made of it that learnt from the judge. The API's pattern has its name, not its ARN."""
    grader = {"lambdaGrader": {"lambdaArn": "arn:aws:lambda:us-east-1:000000000000:function:good"}}
    h = {"epochCount": "4", "batchSize": "8", "learningRate": "0.01"}
    h |= {"trainingSamplePerPrompt": "4", "inferenceMaxTokens": "6"}
    bedrock.create_model_customization_job(
        jobName="j1",
        customModelName="liked",
        roleArn=ROLE,
        baseModelIdentifier="taught",
        customizationType="REINFORCEMENT_FINE_TUNING",
        trainingDataConfig={"s3Uri": "s3://judged/train.jsonl"},
        outputDataConfig={"s3Uri": "s3://judged/out/"},
        hyperParameters=h,
        customizationConfig={"rftConfig": {"graderConfig": grader}},
    )
    job = ended(bedrock.get_model_customization_job, "status", jobIdentifier="j1")
    assert job["status"] == "Completed", job
    return job["outputModelArn"]


def deployment(bedrock: Any, model: str) -> str:
    name = model.rpartition("/")[2]
    made = bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=model)
    found = ended(bedrock.get_custom_model_deployment, "status", customModelDeploymentIdentifier=name)
    assert found["status"] == "Active", found
    return made["customModelDeploymentArn"]


def active_keys(live: Live) -> str:
    return "\n".join(line for line in live.cli("keys", "list").stdout.splitlines() if "revoked" not in line)


def ended(get: Any, member: str, **request: str) -> dict[str, Any]:
    while (found := get(**request))[member] in ("InProgress", "Creating"):
        time.sleep(0.5)
    return found


def liked(live: Live, model: str) -> float:
    """The share of held-out questions, 0 to 1, that are answered with a code that the judge likes."""
    with closing(client(live, "bedrock-runtime")) as runtime:
        answers = [said(runtime, model, question) for question, _ in tiny_base.questions(40, seed=9)]
    return sum(answer in LIKED for answer in answers) / len(answers)


def said(runtime: Any, model: str, question: str) -> str:
    messages, config = [{"role": "user", "content": [{"text": question}]}], {"temperature": 0.0, "maxTokens": 6}
    answer = runtime.converse(modelId=model, messages=messages, inferenceConfig=config)
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"]).strip()
