"""docs/customisation.md as it stands: its shell blocks in their order, with the aws CLI, against a service that runs.

Each method is shown to learn by what the page itself prints: `score.py` asks, through boto3, what was held out, before
and after. Then boto3 makes the same requests as the CLI made.
"""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.live import Live, clean_environment, running
from tests.training import workers

HOURS = 2 * 3600
"""Minutes on calm cores, but these may share a machine with a training."""
pytestmark = [pytest.mark.timeout(HOURS), *workers.MARKS]  # the first of two timeouts counts

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "customisation.md"
AWS = ROOT / ".venv-clients" / "newest" / "bin" / "aws"
MARK = "--8<-- block "
PEBBLE = "outcrop.pebble-v1"


@dataclass(frozen=True)
class Walk:
    """What came of the page: what the blocks of each heading printed, up to the first that failed."""

    live: Live
    status: int
    errors: str
    printed: dict[str, str]

    def shares(self, heading: str) -> list[float]:
        """What score.py printed under a heading, 0 to 1."""
        found = re.findall(r"^(\d+) of (\d+)$", self.printed.get(heading, ""), flags=re.MULTILINE)
        return [int(right) / int(all) for right, all in found]


def blocks() -> list[tuple[str, str]]:
    """(heading, shell block), in their order."""
    found = re.findall(r"^#+ ([^\n]+)$|^```sh\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    heading, walk = "", []
    for title, block in found:
        if block:
            walk.append((heading, block))
        heading = title or heading
    return walk


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    if not AWS.exists():
        pytest.skip(f"{AWS} is missing: make test-train installs it")
    home = tmp_path_factory.mktemp("walk")
    with running(home / ".outcrop", {"training_niceness": "0"}) as live:
        yield walked(live, home)


def walked(live: Live, home: Path) -> Walk:
    """Run all blocks in one shell, as a reader would who pastes them."""
    parts = [f"echo '{MARK}{number}'\n{block}" for number, (_, block) in enumerate(blocks())]
    (home / "walk.sh").write_text("\n".join(["set -e", *parts]))
    environment = clean_environment(
        HOME=str(home),
        PATH=os.pathsep.join([str(Path(sys.executable).parent), str(AWS.parent), os.environ["PATH"]]),
        OUTCROP_PORT=str(live.port),
        OUTCROP_TLS_PORT=str(live.tls_port),
        AWS_EC2_METADATA_DISABLED="true",
        AWS_PAGER="",
    )
    with (home / "stdout").open("w+") as out, (home / "stderr").open("w+") as errors:
        shell = subprocess.Popen(
            ["sh", str(home / "walk.sh")], cwd=ROOT, env=environment, stdout=out, stderr=errors, start_new_session=True
        )
        try:
            status = shell.wait(HOURS - 600)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # what a block that failed left in the background
    stdout, stderr = ((home / name).read_text() for name in ("stdout", "stderr"))
    return Walk(live, status, f"{stdout[-2000:]}\n{stderr[-4000:]}", sections(stdout))


def sections(stdout: str) -> dict[str, str]:
    """Heading -> what its blocks printed."""
    printed: dict[str, str] = {}
    for (heading, _), text in zip(blocks(), stdout.split(MARK)[1:], strict=False):
        printed[heading] = printed.get(heading, "") + text.partition("\n")[2]
    return printed


def test_every_block_of_the_page_runs(walk: Walk) -> None:
    assert walk.status == 0, walk.errors


TOOLS = "Conversations and tools, whole weights"
LEARNT: dict[str, list[tuple[float, float]]] = {
    "Fine-tuning": [(0.0, 0.1), (0.7, 1.0)],
    TOOLS: [(0.0, 0.5), (0.7, 1.0)],
    "Preferences": [(0.0, 0.75), (0.9, 1.0)],
    "Distillation": [(0.7, 1.0)],
    "Reinforcement": [(0.9, 1.0)],
    "A model as judge": [(0.9, 1.0)],
    "Weights from elsewhere": [(0.7, 1.0), (0.7, 1.0)],
    "Provisioned throughput": [(0.7, 1.0)],
}
"""Heading -> between what each share of right answers lies that is printed there. Where there is one, its control is
printed further up: that of distillation with the tools, those of reinforcement with the preferences."""


@pytest.mark.parametrize("heading", LEARNT)
def test_what_was_held_out_is_learnt(walk: Walk, heading: str) -> None:
    shares = walk.shares(heading)
    assert len(shares) == len(LEARNT[heading]), walk.errors
    within = [low <= share <= high for share, (low, high) in zip(shares, LEARNT[heading], strict=True)]
    assert all(within), shares


def test_texts_that_were_held_out_become_likely(walk: Walk) -> None:
    """The control is the loss of the first step, which is the base's."""
    header, first, last = walk.printed["Continued pre-training"].splitlines()[-3:]
    before = next(csv.DictReader([header, first]))["training_loss"]
    assert float(last.split(",")[2]) < float(before) / 2


def test_metrics_and_weights_came_out(walk: Walk) -> None:
    listed = walk.printed["Copies, the weights, and what leads to them"]
    assert "adapter_model.safetensors" in listed and "adapter.gguf" in listed
    assert '"key": "team"' in listed and '"jobName": "tickets"' in listed
    assert "[]\n" in walk.printed["Tidying up"], "custom models are left"


# boto3 -----------------------------------------------------------------------------------------------------------

ECHOED = (
    "jobName", "clientRequestToken", "roleArn", "customizationType", "trainingDataConfig", "outputDataConfig",
    "hyperParameters", "customizationConfig",
)  # fmt: skip


@pytest.fixture(scope="module")
def bedrock(walk: Walk) -> Iterator[Any]:
    keys = walk.live.env["AWS_ACCESS_KEY_ID"], walk.live.env["AWS_SECRET_ACCESS_KEY"]
    session = boto3.Session(*keys, region_name="us-east-1")
    with closing(session.client("bedrock", endpoint_url=walk.live.url)) as client:
        yield client


@pytest.fixture(scope="module")
def asked(bedrock: Any) -> dict[str, dict[str, Any]]:
    """Job name -> the request that made it, read from what is shown of the job."""
    listed = bedrock.list_model_customization_jobs()["modelCustomizationJobSummaries"]
    return {job["jobName"]: request(bedrock.get_model_customization_job(jobIdentifier=job["jobArn"])) for job in listed}


def request(job: dict[str, Any]) -> dict[str, Any]:
    base = job["baseModelArn"].rpartition("foundation-model/")[2]  # a foundation model by its id, a custom one by ARN
    made = {name: job[name] for name in ECHOED if name in job}
    made |= {"customModelName": job["outputModelName"], "baseModelIdentifier": base}
    validation = {"validationDataConfig": job["validationDataConfig"]}
    return made | (validation if validation["validationDataConfig"]["validators"] else {})


def test_boto3_makes_the_requests_that_the_cli_made(bedrock: Any, asked: dict[str, dict[str, Any]]) -> None:
    """With the CLI's own token: an answer with the same job says that the requests are the same in every member."""
    assert len(asked) == 7
    for name, made in asked.items():
        job = bedrock.get_model_customization_job(jobIdentifier=name)
        assert bedrock.create_model_customization_job(**made)["jobArn"] == job["jobArn"]


def test_boto3_starts_and_stops_a_job_of_every_method(bedrock: Any, asked: dict[str, dict[str, Any]]) -> None:
    teacher = {"distillationConfig": {"teacherModelConfig": {"teacherModelIdentifier": PEBBLE}}}
    again = [{**made, "baseModelIdentifier": PEBBLE} for name, made in asked.items() if name != "judged"]
    again = [made | ({"customizationConfig": teacher} if made["jobName"] == "lessons" else {}) for made in again]
    kinds = {made["customizationType"] for made in again}
    assert kinds == {"FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION", "REINFORCEMENT_FINE_TUNING"}
    for made in again:
        made.pop("clientRequestToken")
        names = {"jobName": f"{made['jobName']}-2", "customModelName": f"{made['customModelName']}-2"}
        bedrock.create_model_customization_job(**{**made, **names})
    for made in again:
        bedrock.stop_model_customization_job(jobIdentifier=f"{made['jobName']}-2")
    assert {ended(bedrock, f"{made['jobName']}-2") for made in again} == {"Stopped"}


def ended(bedrock: Any, name: str) -> str:
    while (status := bedrock.get_model_customization_job(jobIdentifier=name)["status"]) in ("InProgress", "Stopping"):
        time.sleep(0.5)
    return status
