"""InvokeModel with bodies for embeddings and reranking, and Rerank, on an engine that does as it is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import outcrop.api.rerank  # noqa: F401 - registers its operation
from outcrop.catalog import Model
from outcrop.wire import spec
from tests.api.runtime import HELLO, runtime_on
from tests.vector_engine import DROP, HANG, VectorEngine
from tests.wire.judge import read, sent

EMBEDDER = Model("test.tiny-v1", "T", "T", "/nowhere", family="titan_embed", output_modalities=("EMBEDDING",),
                 context_length=20)  # fmt: skip
RERANKER = Model("test.tiny-v1", "T", "T", "/nowhere", family="cohere_rerank", reranks=True, context_length=60)
TITAN = b'{"inputText": "granite"}'


@pytest.fixture
async def engine():
    async with VectorEngine() as made:
        yield made


@pytest.fixture
async def embedding(engine, tmp_path):
    async with runtime_on(engine.endpoint, tmp_path, model=EMBEDDER) as made:
        yield made


@pytest.fixture
async def reranking(engine, tmp_path):
    async with runtime_on(engine.endpoint, tmp_path, model=RERANKER) as made:
        yield made


async def fails(runtime: Any, body: bytes, operation: str = "InvokeModel") -> tuple[str, str]:
    error = (await runtime(operation, body=body))["Error"]
    return error["Code"], error["Message"]


async def test_bodies_of_the_wrong_family_and_texts_that_are_too_long(embedding, engine):
    code, words = await fails(embedding, json.dumps({"max_tokens": 9, "messages": HELLO}).encode())
    assert code == "ValidationException" and "required key [inputText] not found" in words
    assert (await fails(embedding, b"[]"))[0] == "ValidationException"
    code, words = await fails(embedding, json.dumps({"inputText": "x" * 19}).encode())
    assert (code, words.strip()) == (
        "ValidationException", "Too many input tokens. Max input tokens: 20, request input token count: 21",
    )  # fmt: skip
    assert engine.bodies == []


async def test_chat_does_not_reach_an_embedding_model_nor_embeddings_a_chat_model(embedding, engine):
    answer = await embedding("Converse", messages=HELLO)
    assert answer["Error"]["Message"].startswith("This action doesn't support the model that you provided.")
    assert await fails(embedding, TITAN, "InvokeModelWithResponseStream") == (
        "ValidationException", "The model is unsupported for streaming.",
    )  # fmt: skip
    embedding.change(output_modalities=("TEXT",))
    assert "is no embedding model: it is for chat" in (await fails(embedding, TITAN))[1]
    embedding.change(family="cohere_rerank", output_modalities=("TEXT",))
    body = b'{"query": "q", "documents": ["a"]}'
    assert "is no rerank or embedding model: it is for chat" in (await fails(embedding, body))[1]
    assert embedding.engines.leases == [] and engine.bodies == []


async def test_an_engine_that_fails_gives_its_lease_back(embedding, engine):
    engine.answer = DROP
    assert (await fails(embedding, TITAN))[0] == "ModelErrorException"
    engine.answer, engine.refusal = None, (400, {"error": {"message": "cannot"}})
    assert await fails(embedding, TITAN) == ("ValidationException", "The model returned the following errors: cannot")
    engine.refusal = None
    assert "embedding" in json.loads((await embedding("InvokeModel", body=TITAN))["body"].read())


async def test_a_client_that_hangs_up_ends_the_engines_work(embedding, engine):
    engine.answer = HANG
    gone = asyncio.Event()
    task = asyncio.create_task(embedding("InvokeModel", body=TITAN, hang_up=gone))
    await engine.asked.wait()
    gone.set()
    await asyncio.wait_for(engine.gone.wait(), 20)
    await asyncio.gather(task, return_exceptions=True)
    assert embedding.engines.held == 0


async def test_the_answer_its_headers_and_its_note(embedding, engine):
    answer = await embedding("InvokeModel", body=TITAN)
    body = json.loads(answer["body"].read())
    assert (body["embedding"], body["inputTextTokenCount"]) == ([7.0, 1.0, 0.0, -1.0], 7)
    assert embedding.raw.headers["x-amzn-bedrock-input-token-count"] == "7"
    assert "x-amzn-bedrock-output-token-count" not in embedding.raw.headers
    assert embedding.note["outputModality"] == "EMBEDDING" and embedding.note["usage"] == {"inputTokens": 7}


async def test_many_callers_at_once_each_get_their_own(embedding, engine):
    async def ask(length: int) -> int:
        call = json.dumps({"inputText": "x" * length}).encode()
        operation = spec.load("bedrock-runtime").operation("InvokeModel")
        method, path, _, headers, content = sent(operation, {"modelId": "test.tiny-v1", "body": call})
        raw = await embedding.client(method, path, content, headers)
        return int(json.loads(raw.body)["embedding"][0])

    lengths = [1 + n % 15 for n in range(60)]
    assert await asyncio.gather(*map(ask, lengths)) == lengths


async def rerank(runtime: Any, *documents: Any, **more: Any) -> dict[str, Any]:
    configuration: dict[str, Any] = {"modelConfiguration": {"modelArn": more.pop("model", "test.tiny-v1")}}
    if "count" in more:
        configuration["numberOfResults"] = more.pop("count")
    request = {
        "queries": [{"type": "TEXT", "textQuery": {"text": "q"}}],
        "sources": [{"type": "INLINE", "inlineDocumentSource": document} for document in documents],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": configuration,
        },
        **more,
    }  # fmt: skip
    operation = spec.load("bedrock-agent-runtime").operation("Rerank")
    method, path, _, headers, body = sent(operation, request)
    raw = await runtime.client(method, path, body, headers)
    return read(operation, raw.status, raw.headers, raw.body)


def text(words: str) -> dict[str, Any]:
    return {"type": "TEXT", "textDocument": {"text": words}}


@pytest.mark.parametrize(
    ("documents", "more", "words"),
    [
        ([{"type": "TEXT"}], {}, "sources.0 holds no document of the type TEXT"),
        ([text("a"), {"type": "JSON", "textDocument": {"text": "a"}}], {}, "sources.1 holds no document"),
        ([text("a")], {"nextToken": "abc"}, "nextToken is invalid"),
        ([text("a")], {"queries": [{"type": "TEXT", "textQuery": {}}]}, "queries.0 has no text"),
        ([text("a")], {"model": "test.other"}, ""),
        ([text("a")], {"count": 1001}, "numberOfResults"),
    ],
)
async def test_rerank_refuses(reranking, documents, more, words):
    answer = await rerank(reranking, *documents, **more)
    assert answer["Error"]["Code"] in ("ValidationException", "ResourceNotFoundException")
    assert words in answer["Error"]["Message"]


async def test_rerank_gives_the_best_first(reranking, engine):
    documents = [text("aa"), text("a" * 30), {"type": "JSON", "jsonDocument": {"k": "vvv", "n": 1}}]
    answer = await rerank(reranking, *documents, count=2)
    assert [row["index"] for row in answer["results"]] == [1, 2]
    assert all(0 < row["relevanceScore"] < 1 for row in answer["results"])
    assert engine.bodies[-1]["documents"] == ["aa", "a" * 30, "k: vvv\nn: 1"]
    assert len((await rerank(reranking, *documents, count=9))["results"]) == 3


async def test_rerank_by_an_embedding_model_and_by_a_dead_engine(embedding, engine):
    answer = await rerank(embedding, text("a"), text("aaaaaaa"))
    assert {row["index"] for row in answer["results"]} == {0, 1} and "input" in engine.bodies[-1]
    engine.answer = DROP
    assert (await rerank(embedding, text("a")))["Error"]["Code"] == "DependencyFailedException"
    engine.answer, engine.refusal = None, (503, {})
    assert (await rerank(embedding, text("a")))["Error"]["Code"] == "ThrottlingException"


async def test_a_reranker_answers_coheres_body(reranking):
    answer = await reranking("InvokeModel", body=b'{"query": "q", "documents": ["a", "aaaa"], "top_n": 1}')
    (best,) = json.loads(answer["body"].read())["results"]
    assert best["index"] == 1
