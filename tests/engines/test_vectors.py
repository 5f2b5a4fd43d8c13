"""Embeddings and relevance asked of an engine: what can go wrong first, then limits, batches and kinds."""

from __future__ import annotations

import asyncio
import math

import pytest

from outcrop.engines import vectors
from outcrop.engines.post import Client
from outcrop.errors import ModelErrorException, ModelTimeoutException, ThrottlingException, ValidationException
from tests.vector_engine import DROP, HANG, VectorEngine

ODD = [
    [], {}, {"data": None}, {"data": [{}]}, {"data": []}, {"data": [{"index": 0, "embedding": "no base64"}]},
    {"data": [{"index": 0, "embedding": "AAA="}]}, {"data": [{"index": 0, "embedding": []}]},
    {"data": [{"index": 0, "embedding": [1, "x"]}]}, {"data": [{"index": None, "embedding": [1]}, {"index": 1}]},
    {"data": [{"index": 0, "embedding": [1e39, 1]}]}, {"data": [{"index": 0, "embedding": "AADAfw=="}]},
    {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]}, {"results": [{"index": 0}]},
    {"results": [{"index": 1, "relevance_score": 1}]}, {"results": [{"index": 0, "relevance_score": None}]}, b"", b"x",
]  # fmt: skip


@pytest.fixture
async def http():
    async with Client(5.0) as client:
        yield client


@pytest.fixture
async def engine():
    async with VectorEngine() as made:
        yield made


@pytest.mark.parametrize("answer", ODD, ids=repr)
async def test_an_odd_answer_is_the_engines_fault(http, engine, answer):
    engine.answer = answer
    with pytest.raises(ModelErrorException):
        await vectors.embed(http, engine.endpoint, ["a"], 9)
    with pytest.raises(ModelErrorException):
        await vectors.rerank(http, engine.endpoint, "q", ["a"], 99)


async def test_an_engine_that_goes_away_hangs_or_refuses(engine):
    async with Client(0.2) as http:
        engine.answer = DROP
        with pytest.raises(ModelErrorException):
            await vectors.embed(http, engine.endpoint, ["a"], 9)
        engine.answer = HANG
        with pytest.raises(ModelTimeoutException):
            await vectors.embed(http, engine.endpoint, ["a"], 9)
        engine.refusal = 429, {"error": {"message": "busy"}}
        with pytest.raises(ThrottlingException):
            await vectors.rerank(http, engine.endpoint, "q", ["a"], 99)


async def test_a_caller_that_leaves_ends_the_request(http, engine):
    engine.answer = HANG
    task = asyncio.create_task(vectors.embed(http, engine.endpoint, ["a"], 9))
    await engine.asked.wait()
    task.cancel()
    await asyncio.wait_for(engine.gone.wait(), 20)


async def test_too_long_is_an_error_unless_it_may_be_cut(http, engine):
    with pytest.raises(ValidationException, match=r"Max input tokens: 9, request input token count: 12 "):
        await vectors.embed(http, engine.endpoint, ["abcdefghij"], 9)
    assert engine.bodies == []
    for truncate, kept in (("END", "abcdefg"), ("START", "defghij")):
        await vectors.embed(http, engine.endpoint, ["abcdefghij"], 9, truncate)
        assert engine.bodies[-1]["input"] == [[1, *map(ord, kept), 2]]


@pytest.mark.parametrize(
    ("ids", "around", "end", "start"),
    [
        ([1, 5, 6, 7, 2], [1, 2], [1, 5, 6, 2], [1, 6, 7, 2]),
        ([5, 6, 7, 8, 2], [2], [5, 6, 7, 2], [6, 7, 8, 2]),
        ([1, 5, 6, 7, 8], [1], [1, 5, 6, 7], [1, 6, 7, 8]),
        ([5, 6, 7, 8, 9], [], [5, 6, 7, 8], [6, 7, 8, 9]),
    ],
)
def test_special_tokens_survive_a_cut(ids, around, end, start):
    assert vectors.shortened(ids, around, 4, "END") == end
    assert vectors.shortened(ids, around, 4, "START") == start


async def test_a_text_whose_bytes_fit_is_not_tokenised_first(http, engine):
    await vectors.embed(http, engine.endpoint, ["äb"], 7)
    assert engine.bodies[-1]["input"] == ["äb"]
    await vectors.embed(http, engine.endpoint, ["äb"], 6)
    assert engine.bodies[-1]["input"] == [[1, ord("ä"), ord("b"), 2]]


@pytest.mark.parametrize("plain", [False, True])
async def test_vectors_come_in_the_order_of_their_texts_in_bounded_batches(http, engine, plain):
    engine.plain = plain
    texts = ["x" * (1 + n % 40) for n in range(2 * vectors.BATCH + 3)]
    embedded = await vectors.embed(http, engine.endpoint, texts, 512)
    assert [vector[0] for vector in embedded.vectors] == [float(len(text)) for text in texts]
    assert embedded.tokens == sum(map(len, texts))
    assert [len(body["input"]) for body in engine.bodies] == [vectors.BATCH, vectors.BATCH, 3]


async def test_no_texts_are_no_request(http, engine):
    embedded = await vectors.embed(http, engine.endpoint, [], 512)
    assert (embedded.vectors, embedded.tokens, engine.bodies) == ([], 0, [])


async def test_kinds_differ_by_their_rows():
    async with Client(5.0) as http, VectorEngine("openai") as engine:
        with pytest.raises(ValidationException, match="does not rerank"):
            await vectors.rerank(http, engine.endpoint, "q", ["a"], 99)
        await vectors.embed(http, engine.endpoint, ["abcdefghij"], 3, unit=False)
        assert engine.bodies[-1]["input"] == ["abcdefghij"] and "embd_normalize" not in engine.bodies[-1]
    async with Client(5.0) as http, VectorEngine() as engine:
        await vectors.embed(http, engine.endpoint, ["a"], 9, unit=False)
        assert engine.bodies[-1]["embd_normalize"] == -1


@pytest.mark.parametrize(
    ("kind", "scores", "expected"),
    [("llama", "", 1 / (1 + math.exp(-0.3))), ("llama", "probability", 0.3), ("vllm", "", 0.3)],
)
async def test_scores_are_probabilities(kind, scores, expected):
    async with Client(5.0) as http, VectorEngine(kind, scores=scores) as engine:
        ranked = await vectors.rerank(http, engine.endpoint, "q", ["abc", "a" * 50], 99)
    assert ranked.scores[0] == pytest.approx(expected) and 0.99 < ranked.scores[1] <= 1
    assert ranked.tokens == 2


@pytest.mark.parametrize("logit", [-1e308, -710.0, 0.0, 1e308])
async def test_any_logit_has_a_probability(http, engine, logit):
    engine.answer = {"results": [{"index": 0, "relevance_score": logit}]}
    assert 0 <= (await vectors.rerank(http, engine.endpoint, "q", ["a"], 99)).scores[0] <= 1


async def test_a_document_too_long_to_stand_beside_the_query_loses_its_end(http, engine):
    await vectors.rerank(http, engine.endpoint, "query", ["ab", "c" * 40], 20)
    assert engine.bodies[-1]["documents"] == ["ab", "c" * 11]
    with pytest.raises(ValidationException, match="query is too long"):
        await vectors.rerank(http, engine.endpoint, "q" * 20, ["ab"], 20)


async def test_documents_are_ranked_in_bounded_batches(http, engine):
    documents = ["x" * (n % 7) + "y" for n in range(vectors.BATCH + 5)]
    ranked = await vectors.rerank(http, engine.endpoint, "q", documents, 99)
    assert [len(body["documents"]) for body in engine.bodies] == [vectors.BATCH, 5]
    assert [score > ranked.scores[0] for score in ranked.scores] == [len(d) > 1 for d in documents]


async def test_an_embedding_model_compares_by_cosine(http, engine):
    engine.answer = {
        "data": [
            {"index": place, "embedding": vector}
            for place, vector in enumerate([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0], [1.0, 0.0]])
        ],
        "usage": {"prompt_tokens": 8},
    }
    ranked = await vectors.compare(http, engine.endpoint, "q", ["a", "b", "c"], 99)
    assert ranked.scores == pytest.approx([0.6, 0.0, 1.0], abs=1e-6) and ranked.tokens == 8
