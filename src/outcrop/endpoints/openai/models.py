"""GET /models and GET /models/{model}: everything that is served under a name of its own.

Knows nothing of how models are run.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ...call import Call
from ...catalog import Model
from ..door import Answer, Request
from . import asked


async def list_all(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/models/list; aliases stand after the models."""
    catalog = await call.services.catalog.snapshot()
    named = [(name, catalog.find(name)) for name in catalog.names()]
    data = [await _written(name, model) for name, model in named if model is not None]
    return Answer({"object": "list", "data": data})


async def retrieve(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/models/retrieve; also by alias, inference profile or ARN."""
    name = request.params["model"]
    return Answer(await _written(name, await asked.find(call, name)))


async def _written(name: str, model: Model) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": await _since(model), "owned_by": model.provider.lower()}


async def _since(model: Model) -> int:
    """When the model's file came here, in seconds since the epoch; 0 for a remote one."""
    try:
        return 0 if model.remote else int((await asyncio.to_thread(Path(model.source).stat)).st_mtime)
    except OSError:
        return 0
