"""Custom models for tests of what serves them: records and files as a finished job leaves them, without a training."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from outcrop.catalog import Model
from outcrop.jobs import CUSTOM_MODEL
from outcrop.names import arn, new_id
from tests.api.service import Api
from tests.tiny_adapter import tiny_adapter
from tests.tiny_model import tiny_gguf

BASE = "test.tiny-v1"


async def add_base(api: Api, folder: Path) -> None:
    source = await asyncio.to_thread(tiny_gguf, folder / "tiny.gguf")
    await api.services.catalog.add(Model(id=BASE, name="Tiny", provider="Test", source=str(source), context_length=512))


async def add_custom(api: Api, name: str, seed: int = 0, *, form: str = "adapter", status: str = "Active") -> str:
    """A custom model over the tiny base; returns its ARN. Each seed makes another adapter, or other whole weights."""
    services, id = api.services, new_id()
    folder = services.settings.home / "custom-models" / id
    await asyncio.to_thread(folder.mkdir, parents=True)
    if form == "adapter":
        await asyncio.to_thread(tiny_adapter, folder / "adapter.gguf", seed)
    else:
        await asyncio.to_thread(tiny_gguf, folder / "model.gguf", seed=seed)
    body: dict[str, Any] = {
        "modelArn": arn(services.settings, "custom-model", BASE, id),
        "modelName": name,
        "modelStatus": status,
        "jobName": f"{name}-job",
        "jobArn": arn(services.settings, "model-customization-job", BASE, id),
        "base": {"id": BASE},
        "baseModelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{BASE}",
        "customizationType": "FINE_TUNING",
        "trainingMetrics": {"trainingLoss": 0.5},
        "form": form,
    }
    await services.resources.create(CUSTOM_MODEL, id, body, name=name)
    return body["modelArn"]


async def settled(api: Api, identifier: str) -> dict[str, Any]:
    """A deployment once it is neither Creating nor Updating."""
    async with asyncio.timeout(60):
        while True:
            found = await api("GetCustomModelDeployment", customModelDeploymentIdentifier=identifier)
            update = found.get("updateDetails", {}).get("updateStatus")
            if found.get("status") != "Creating" and update != "Updating":
                return found
            await asyncio.sleep(0.05)


async def say(api: Api, model_id: str, text: str = "hello there") -> str:
    """The greedy answer of a model, or the name of its error."""
    answer = await api(
        "Converse",
        service="bedrock-runtime",
        modelId=model_id,
        messages=[{"role": "user", "content": [{"text": text}]}],
        inferenceConfig={"maxTokens": 8, "temperature": 0.0},
    )
    if "Error" in answer:
        return f"{answer['Error']['Code']}: {answer['Error']['Message']}"
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])
