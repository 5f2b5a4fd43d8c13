"""Embeddings and relevance of texts, asked of an engine.

Knows nothing of bodies or models; what servers differ in are rows of endpoint.KINDS. Texts go out as tokens wherever
they can be had here, so that a model's limit is kept exactly and a text that is cut is cut as its trainers cut it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ValidationException
from ..vectors import cosine
from .endpoint import Endpoint
from .post import Client, broken

BATCH = 32
"""Texts in one request to an engine: enough to keep its slots full, few enough that others get in between."""

NONE, START, END = "NONE", "START", "END"
"""What to drop of a text that is too long: nothing (it is an error), its start, its end."""

LONG_TEXT = 20_000
"""Characters from which on a text is tokenised beside the event loop: some ten milliseconds."""

SPECIAL = 4
"""Tokens that a tokenizer may put around a text or between a query and a document."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector of float32 for each text, and the tokens read in all. `cut` has, for a text whose end was dropped,
    how many of its characters were read (0 where that is not known)."""

    vectors: list[array[float]]
    tokens: int
    cut: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The relevance of each document, 0 to 1, in the order they were given, and the tokens read in all."""

    scores: list[float]
    tokens: int


Input = str | list[int]


async def embed(
    http: Client, endpoint: Endpoint, texts: Sequence[str], limit: int, truncate: str = NONE, unit: bool = True
) -> Embedded:
    """The embeddings of `texts`, each of at most `limit` tokens; of length 1, or as the model pools them.

    Raises ValidationException for a text that is too long and not to be cut, and what `Client` raises.
    """
    if not endpoint.kind.embeddings:
        raise ValidationException("The engine that serves this model has no embeddings.")
    inputs, cut = await _inputs(http, endpoint, texts, limit, truncate)
    vectors: list[array[float]] = []
    tokens = 0
    for at in range(0, len(inputs), BATCH):
        part = inputs[at : at + BATCH]
        body = {"model": endpoint.model, "input": part, "encoding_format": "base64"}
        body |= {} if unit else endpoint.kind.unscaled
        answer = await http.post(endpoint, endpoint.kind.embeddings, body)
        vectors += _vectors(answer, len(part))
        tokens += _tokens(answer)
    return Embedded(vectors, tokens, cut)


async def _inputs(
    http: Client, endpoint: Endpoint, texts: Sequence[str], limit: int, truncate: str
) -> tuple[list[Input], dict[int, int]]:
    inputs: list[Input] = []
    cut: dict[int, int] = {}
    read = 0
    for place, text in enumerate(texts):
        read += len(text)
        if read >= LONG_TEXT:  # many short texts hold the loop as long as a long one would
            read = 0
            await asyncio.sleep(0)
        ids = await _ids(http, endpoint, text, limit)
        if ids is None or len(ids) <= limit:
            inputs.append(text if ids is None else ids)
        elif truncate == NONE:
            raise ValidationException(
                f"Too many input tokens. Max input tokens: {limit}, request input token count: {len(ids)} "
            )
        else:
            inputs.append(shortened(ids, await _around(http, endpoint), limit, truncate))
            cut[place] = endpoint.words.end_of(text, limit - 1) if endpoint.words and truncate == END else 0
    return inputs, cut


async def _ids(http: Client, endpoint: Endpoint, text: str, limit: int) -> list[int] | None:
    """The text's tokens; None where it surely fits, or where only the engine can tell."""
    if endpoint.words:
        ids = endpoint.words.ids
        return ids(text) if len(text) < LONG_TEXT else await asyncio.to_thread(ids, text)
    if not endpoint.kind.tokenize or len(text.encode("utf-8", "replace")) + SPECIAL <= limit:
        return None  # no tokenizer makes more tokens than bytes
    return await _tokenized(http, endpoint, text)


async def _tokenized(http: Client, endpoint: Endpoint, text: str, special: bool = True) -> list[int]:
    asked = {"content": text, "add_special": special, "parse_special": special}
    answer = await http.post(endpoint, "/tokenize", asked)
    try:
        return [int(token) for token in answer["tokens"]]
    except (KeyError, TypeError, ValueError) as error:
        raise broken("The model's engine gave no tokens.") from error


async def _around(http: Client, endpoint: Endpoint) -> list[int]:
    """The special tokens around every text of this model."""
    return endpoint.words.ids("") if endpoint.words else await _tokenized(http, endpoint, "")


def shortened(ids: list[int], around: list[int], limit: int, truncate: str) -> list[int]:
    """`ids` without its start or its end, the special tokens `around` it kept, `limit` tokens in all."""
    first = [token for token in around[:1] if ids[0] == token]
    last = [token for token in around[-1:] if ids[-1] == token and len(around) > len(first)]
    inner = ids[len(first) : len(ids) - len(last)]
    room = max(0, limit - len(first) - len(last))
    return [*first, *(inner[:room] if truncate == END else inner[len(inner) - room :]), *last]


def _vectors(answer: dict[str, Any], count: int) -> list[array[float]]:
    try:
        rows = sorted(answer["data"], key=lambda row: row["index"])
        vectors = [_vector(row["embedding"]) for row in rows]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise broken("The model's engine sent something that is not a list of embeddings.") from error
    if len(vectors) != count or not all(len(vector) == len(vectors[0]) > 0 for vector in vectors):
        raise broken(f"The model's engine sent {len(vectors)} embeddings for {count} texts.")
    if not all(math.isfinite(sum(vector)) for vector in vectors):
        raise broken("The model's engine sent an embedding that is not of finite numbers.")
    return vectors


def _vector(embedding: str | list[float]) -> array[float]:
    """float32 in base64 as it was asked for, or a plain list, which some servers send all the same."""
    if isinstance(embedding, str):
        return array("f", base64.b64decode(embedding, validate=True))
    return array("f", embedding)


def _tokens(answer: dict[str, Any]) -> int:
    usage = answer.get("usage")
    found = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else None
    return found if isinstance(found, int) else 0


async def rerank(http: Client, endpoint: Endpoint, query: str, documents: Sequence[str], limit: int) -> Ranked:
    """How relevant each document is to the query, by a reranker. A document that does not fit beside the query loses
    its end, where the server can take a text apart; else the server's refusal is a ValidationException."""
    if not endpoint.kind.rerank:
        raise ValidationException("The engine that serves this model does not rerank.")
    fitting = await _fitting(http, endpoint, query, documents, limit)
    scores: list[float] = []
    tokens = 0
    for at in range(0, len(fitting), BATCH):
        part = fitting[at : at + BATCH]
        body = {"model": endpoint.model, "query": query, "documents": part, "top_n": len(part)}
        answer = await http.post(endpoint, endpoint.kind.rerank, body)
        scores += _scores(answer, len(part))
        tokens += _tokens(answer)
    logits = (endpoint.scores or endpoint.kind.scores) == "logit"
    return Ranked([_probability(score) if logits else min(1.0, max(0.0, score)) for score in scores], tokens)


async def _fitting(http: Client, endpoint: Endpoint, query: str, documents: Sequence[str], limit: int) -> list[str]:
    """The documents, cut where they do not fit."""
    if not endpoint.kind.tokenize:
        return [*documents]
    taken = len(query.encode("utf-8", "replace"))
    if taken + SPECIAL > limit // 2:
        taken = len(await _tokenized(http, endpoint, query, False))
    room = limit - taken - SPECIAL
    if room < 1:
        raise ValidationException(f"The query is too long: {taken} tokens, and {limit} is the model's limit.")
    return [await _cut(http, endpoint, document, room) for document in documents]


async def _cut(http: Client, endpoint: Endpoint, document: str, room: int) -> str:
    if len(document.encode("utf-8", "replace")) <= room:
        return document
    ids = await _tokenized(http, endpoint, document, False)
    if len(ids) <= room:
        return document
    answer = await http.post(endpoint, "/detokenize", {"tokens": ids[:room]})
    return str(answer.get("content", ""))


async def compare(http: Client, endpoint: Endpoint, query: str, documents: Sequence[str], limit: int) -> Ranked:
    """Relevance by an embedding model: the cosine of query and document, 0 for what points away. The two never see
    each other inside the model (a bi-encoder), so this is coarser than a reranker. Long texts lose their end."""
    embedded = await embed(http, endpoint, [query, *documents], limit, END)
    asked, *given = embedded.vectors
    return Ranked([min(1.0, max(0.0, cosine(asked, vector))) for vector in given], embedded.tokens)


def _scores(answer: dict[str, Any], count: int) -> list[float]:
    try:
        found = {int(row["index"]): float(row["relevance_score"]) for row in answer["results"]}
        scores = [found[place] for place in range(count)]
    except (KeyError, TypeError, ValueError) as error:
        raise broken("The model's engine sent something that is not a score for each document.") from error
    if not all(math.isfinite(score) for score in scores):
        raise broken("The model's engine sent a score that is not a finite number.")
    return scores


def _probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
