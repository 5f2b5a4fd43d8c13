"""OpenAI's API at /openai/v1 and /v1: chat completions, responses, completions, embeddings, models, files,
fine-tuning.

Knows the routes; each module beside this one knows its own part of the API. What is supported: docs/openai.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ...call import Identity
from ...wire.sigv4 import SignedRequest
from ..door import Door, Route
from ..recorded import recorded
from . import chat, completions, embeddings, files, fine_tuning, models
from .manner import MANNER
from .responses import Responses, input_tokens

if TYPE_CHECKING:
    from ...services import Services

PREFIXES = ("/openai/v1", "/v1")
"""As on Bedrock's runtime host and on its mantle host."""
JOBS, JOB = "/fine_tuning/jobs", "/fine_tuning/jobs/{fine_tuning_job_id}"


def routes() -> list[Route]:
    """Every operation, named as in OpenAI's own specification."""
    responses = Responses()
    return [
        Route("POST", "/chat/completions", chat.create, "CreateChatCompletion"),
        Route("POST", "/completions", completions.create, "CreateCompletion"),
        Route("POST", "/embeddings", embeddings.create, "CreateEmbedding"),
        Route("GET", "/models", models.list_all, "ListModels"),
        Route("GET", "/models/{model}", models.retrieve, "RetrieveModel"),
        Route("DELETE", "/models/{model}", models.delete, "DeleteModel"),
        Route("POST", "/responses", recorded(responses.create), "CreateResponse"),
        Route("POST", "/responses/input_tokens", input_tokens, "CountResponseInputTokens"),
        Route("GET", "/responses/{response_id}", responses.retrieve, "GetResponse"),
        Route("DELETE", "/responses/{response_id}", responses.delete, "DeleteResponse"),
        Route("POST", "/responses/{response_id}/cancel", responses.cancel, "CancelResponse"),
        Route("GET", "/responses/{response_id}/input_items", responses.input_items, "ListInputItems"),
        Route("POST", "/files", files.create, "CreateFile"),
        Route("GET", "/files", files.list_all, "ListFiles"),
        Route("GET", "/files/{file_id}", files.retrieve, "RetrieveFile"),
        Route("DELETE", "/files/{file_id}", files.delete, "DeleteFile"),
        Route("GET", "/files/{file_id}/content", files.content, "DownloadFile"),
        Route("POST", JOBS, fine_tuning.create, "CreateFineTuningJob"),
        Route("GET", JOBS, fine_tuning.list_all, "ListPaginatedFineTuningJobs"),
        Route("GET", JOB, fine_tuning.retrieve, "RetrieveFineTuningJob"),
        Route("POST", f"{JOB}/cancel", fine_tuning.cancel, "CancelFineTuningJob"),
        Route("POST", f"{JOB}/pause", fine_tuning.pause, "PauseFineTuningJob"),
        Route("POST", f"{JOB}/resume", fine_tuning.resume, "ResumeFineTuningJob"),
        Route("GET", f"{JOB}/events", fine_tuning.events, "ListFineTuningEvents"),
        Route("GET", f"{JOB}/checkpoints", fine_tuning.checkpoints, "ListFineTuningJobCheckpoints"),
    ]


def openai_door(services: Services, authenticate: Callable[[SignedRequest], Awaitable[Identity]]) -> Door:
    """The ASGI app. `authenticate` is the gateway's own (wire.auth.Authenticator)."""
    return Door(services, authenticate, PREFIXES, routes(), MANNER)
