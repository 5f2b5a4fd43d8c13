"""Rerank: documents in order of their relevance to a query, in the words of bedrock-agent-runtime.

Knows nothing of how relevance is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..call import Call
from ..dialects.vector import Ranking, written
from ..errors import (
    DependencyFailedException,
    ModelErrorException,
    ModelNotReadyException,
    ModelTimeoutException,
    ThrottlingException,
    ValidationException,
)
from ..wire.operation import operation

if TYPE_CHECKING:
    from ..shapes.bedrock_agent_runtime import RerankRequest, RerankResponse


@operation
async def rerank(call: Call, request: RerankRequest) -> RerankResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html

    One answer holds every result (1,000 at most), so no nextToken is ever given. additionalModelRequestFields are
    those of Cohere's bodies that no model here has a use for: they are let pass.
    """
    if "nextToken" in request:
        raise ValidationException("The provided nextToken is invalid.")
    configuration = request["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    documents = [_text(place, source) for place, source in enumerate(request["sources"])]
    ranking = Ranking(_query(request["queries"][0]), documents, configuration.get("numberOfResults"))
    best = ranking.best(await _scores(call, configuration["modelConfiguration"]["modelArn"], ranking))
    return {"results": [{"index": index, "relevanceScore": score} for index, score in best]}


async def _scores(call: Call, model: str, ranking: Ranking) -> list[float]:
    """The scores; a failing model as the errors that this service has for it."""
    try:
        return (await call.services.inference.rerank(call, model, ranking.query, ranking.documents)).scores
    except (ModelErrorException, ModelTimeoutException) as error:
        raise DependencyFailedException(error.message) from error
    except ModelNotReadyException as error:
        raise ThrottlingException(error.message) from error


def _query(query: Any) -> str:
    text = query["textQuery"].get("text")
    if text is None:
        raise ValidationException("The query at queries.0 has no text.")
    return text


def _text(place: int, source: Any) -> str:
    """The document as text; its type says which member holds it."""
    document = source["inlineDocumentSource"]
    if document["type"] == "JSON" and "jsonDocument" in document:
        return written(document["jsonDocument"])
    if document["type"] == "TEXT" and "text" in document.get("textDocument", {}):
        return document["textDocument"]["text"]
    raise ValidationException(f"The source at sources.{place} holds no document of the type {document['type']}.")
