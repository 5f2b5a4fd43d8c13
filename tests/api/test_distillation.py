"""A distillation through the API: the packaged model answers as the teacher, on an engine of its own."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from outcrop.api.customization import taught
from outcrop.jobs import data
from tests.api.service import served

PEBBLE = "outcrop.pebble-v1"


async def test_the_teacher_answers_before_training_begins(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        await api.services.jobs.begin(partial(taught, api.services), api.services.keys)
        api.services.objects.create_bucket("data")
        await api.services.objects.put("s3://data/p.jsonl", b'{"prompt": "hello"}\n{"prompt": "who are you?"}\n')
        teacher = {"teacherModelIdentifier": PEBBLE, "maxResponseLengthForInference": 200}
        made = await api(
            "CreateModelCustomizationJob",
            jobName="d",
            customModelName="d-model",
            roleArn="arn:aws:iam::000000000000:role/any",
            baseModelIdentifier=PEBBLE,
            customizationType="DISTILLATION",
            trainingDataConfig={"s3Uri": "s3://data/p.jsonl"},
            outputDataConfig={"s3Uri": "s3://data/out/"},
            customizationConfig={"distillationConfig": {"teacherModelConfig": teacher}},
        )
        folder = api.services.jobs.folder(made["jobArn"].rpartition("/")[2]).path
        async with asyncio.timeout(60):
            while not (folder / "job.json").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    _, rows = data.read(folder / "train.jsonl", "DISTILLATION")
    asked = {row["messages"][-2]["content"]: row["messages"][-1]["content"] for row in rows}
    assert asked.keys() <= {"hello", "who are you?"}
    assert all(answer.strip() for answer in asked.values()) and asked
