"""Data that cannot be trained on, through the API: a job fails by line and reason, and nothing is computed for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outcrop.app import open_services
from outcrop.config import Settings
from tests.api.service import Api
from tests.jobs.test_data import BAD
from tests.training import workers

pytestmark = [pytest.mark.timeout(1800), *workers.MARKS]  # the first of two timeouts counts

ROLE = "arn:aws:iam::000000000000:role/any"
GRADER = "def lambda_handler(event, context):\n    return []\n"
LAMBDA = "arn:aws:lambda:us-east-1:000000000000:function:any"
RFT = {"rftConfig": {"graderConfig": {"lambdaGrader": {"lambdaArn": LAMBDA}}}}
CONFIG: dict[str, dict[str, Any]] = {"REINFORCEMENT_FINE_TUNING": {"customizationConfig": RFT}}
KINDS = ("FINE_TUNING", "CONTINUED_PRE_TRAINING", "REINFORCEMENT_FINE_TUNING")
AT_ONCE = 4


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A service with real workers."""
    async with open_services(Settings(home=tmp_path, model="", training_slots=AT_ONCE)) as services:
        services.objects.create_bucket("data")
        yield Api(services)


async def failed(api: Api, number: int, kind: str, rows: Any) -> dict[str, Any]:
    """A job on such data, when it has ended."""
    data = rows if isinstance(rows, bytes) else "\n".join(map(json.dumps, rows)).encode()
    await api.services.objects.put(f"s3://data/{number}.jsonl", data)
    made = await api(
        "CreateModelCustomizationJob",
        jobName=f"j{number}",
        customModelName=f"m{number}",
        roleArn=ROLE,
        baseModelIdentifier="outcrop.pebble-v1",
        customizationType=kind,
        trainingDataConfig={"s3Uri": f"s3://data/{number}.jsonl"},
        outputDataConfig={"s3Uri": "s3://data/out/"},
        **CONFIG.get(kind, {}),
    )
    while True:
        job = await api("GetModelCustomizationJob", jobIdentifier=made["jobArn"])
        if job["status"] != "InProgress":
            return job
        await asyncio.sleep(0.2)


async def test_data_of_more_than_twenty_kinds_is_refused_before_anything_is_computed(api: Api, tmp_path: Path) -> None:
    (tmp_path / "graders").mkdir()
    (tmp_path / "graders" / "any.py").write_text(GRADER)
    kinds = [case for case in BAD if case[0] in KINDS]
    assert len(kinds) >= 20
    jobs = await asyncio.gather(*(failed(api, number, kind, rows) for number, (kind, rows, _) in enumerate(kinds)))
    for job, (_, _, says) in zip(jobs, kinds, strict=True):
        assert (job["status"], says in job["failureMessage"]) == ("Failed", True), (job, says)
        phases = {name: phase["status"] for name, phase in job["statusDetails"].items()}
        later = {"dataProcessingDetails": "NotStarted", "trainingDetails": "NotStarted"}
        assert phases == {"validationDetails": "Failed", **later}
    assert (await api("ListCustomModels"))["modelSummaries"] == []
    assert await api.services.objects.list("s3://data/out/") == []
