"""Bodies for embeddings and reranking, from AWS's documentation: one request, one answer and the errors of each."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop import dialects
from outcrop.dialects import (
    amazon_rerank,
    cohere_embed,
    cohere_embed_v4,
    cohere_rerank,
    nova_embed,
    titan_embed,
    titan_embed_v1,
)
from outcrop.dialects.vector import Ranking, Wish, written
from outcrop.engines.vectors import Embedded
from outcrop.errors import ValidationException

MODULES = [*dialects.EMBEDDERS.values(), *dialects.RERANKERS.values()]
VECTOR = array("f", [0.5, -0.5, 0.5, -0.5] * 64)
ONE = Embedded([VECTOR], 7)
SINGLE = {"embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "END", "value": "a"}}
NOVA: dict[str, Any] = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": SINGLE}
TEXTS: dict[str, Any] = {"texts": ["a", "b"], "input_type": "search_document"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = sorted({key for module in MODULES for key in module.KEYS} | {"images", "image", "video", "text"})


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), JSON | st.dictionaries(st.sampled_from(KEYS), JSON))
)
def test_any_body_is_read_or_refused(module, body):
    try:
        read = module.read(body)
    except ValidationException as error:
        assert error.message
    else:
        assert isinstance(read, Wish | Ranking)


GOOD = {
    titan_embed: {"inputText": "a", "dimensions": 256, "normalize": True, "embeddingTypes": ["float", "binary"]},
    titan_embed_v1: {"inputText": "a"},
    cohere_embed: {**TEXTS, "truncate": "END", "embedding_types": ["int8"]},
    cohere_embed_v4: {**TEXTS, "truncate": "LEFT", "output_dimension": 256, "max_tokens": 9},
    nova_embed: {**NOVA, "schemaVersion": "nova-multimodal-embed-v1"},
    cohere_rerank: {"query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "api_version": 2},
    amazon_rerank: {"query": "q", "documents": ["a"], "top_n": 1},
}


def places(value: Any, here: tuple[Any, ...] = ()):
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*here, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(deadline=None)
@given(st.sampled_from(list(GOOD)), st.data())
def test_a_good_body_with_one_part_changed_is_read_or_refused(module, data):
    path = data.draw(st.sampled_from([place for place in places(GOOD[module]) if place]))
    try:
        module.read(replaced(GOOD[module], path, data.draw(JSON)))
    except ValidationException as error:
        assert error.message


REFUSED = [
    (titan_embed, {}, r"#: required key \[inputText\] not found"),
    (titan_embed, {"inputText": ""}, "#/inputText: expected minLength: 1, actual: 0"),
    (titan_embed, {"inputText": "a" * 50_001}, "#/inputText: expected maxLength: 50000, actual: 50001"),
    (titan_embed, {"inputText": ["a"]}, "#/inputText: expected type: String, found: JSONArray"),
    (titan_embed, {"inputText": "a", "dimensions": 384}, "#/dimensions: 384 is not a valid enum value"),
    (titan_embed, {"inputText": "a", "embeddingTypes": ["int8"]}, "#/embeddingTypes/0: int8 is not a valid enum value"),
    (titan_embed_v1, {"inputText": "a", "dimensions": 256}, r"extraneous key \[dimensions\] is not permitted"),
    (cohere_embed, {"texts": ["a"]}, r"required key \[input_type\] not found"),
    (cohere_embed, {**TEXTS, "texts": ["a"] * 97}, "#/texts: expected maximum item count: 96, found: 97"),
    (cohere_embed, {**TEXTS, "texts": ["a", "b" * 2049]}, "#/texts/1: expected maxLength: 2048, actual: 2049"),
    (cohere_embed, {**TEXTS, "truncate": "LEFT"}, "#/truncate: LEFT is not a valid enum value"),
    (cohere_embed, {"images": ["data:..."], "input_type": "image"}, "embeds text only. Remove images"),
    (cohere_embed_v4, {"input_type": "clustering"}, r"exactly one of the keys \[texts, inputs\]"),
    (cohere_embed_v4, {**TEXTS, "output_dimension": 384}, "#/output_dimension: 384 is not a valid enum value"),
    (cohere_embed_v4, {"input_type": "clustering", "inputs": [{"content": [{"type": "image_url", "image_url": "d"}]}]},
     "embeds text only"),
    (nova_embed, {**NOVA, "taskType": "SEGMENTED_EMBEDDING"}, "is for StartAsyncInvoke"),
    (nova_embed, {**NOVA, "singleEmbeddingParams": {**SINGLE, "image": {"format": "png"}}}, "embeds text only"),
    (nova_embed, {**NOVA, "singleEmbeddingParams": {"text": SINGLE["text"]}}, r"required key \[embeddingPurpose\]"),
    (cohere_rerank, {"query": "q", "documents": [1]}, "#/documents/0: expected type: String or JSONObject"),
    (cohere_rerank, {"query": "q", "documents": ["a"], "top_n": 0}, "#/top_n: 0 is not greater or equal to 1"),
    (amazon_rerank, {"query": "q", "documents": ["a"] * 1001}, "expected maximum item count: 1000"),
    (amazon_rerank, {"query": "q", "documents": [{"text": "a"}]}, "#/documents/0: expected type: String"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "body", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_wrong_body_is_told_its_key(module, body, words):
    with pytest.raises(ValidationException, match=words):
        module.read(body)


def test_titan_answers_floats_and_bits():
    wish = titan_embed.read(GOOD[titan_embed])
    assert (wish.texts, wish.dimensions, wish.unit) == (["a"], 256, True)
    answer = titan_embed.write(wish, ONE)
    assert answer.keys() == {"embedding", "inputTextTokenCount", "embeddingsByType"}
    assert answer["embedding"] == list(VECTOR) == answer["embeddingsByType"]["float"]
    assert answer["embeddingsByType"]["binary"] == [1, 0] * 128
    assert answer["inputTextTokenCount"] == 7


def test_titans_defaults():
    wish = titan_embed.read({"inputText": "a"})
    assert (wish.dimensions, wish.unit, wish.types, wish.truncate) == (None, True, ("float",), "NONE")
    assert not titan_embed.read({"inputText": "a", "normalize": False}).unit
    assert titan_embed_v1.write(wish, ONE) == {"embedding": list(VECTOR), "inputTextTokenCount": 7}


def test_more_dimensions_than_the_model_has_are_refused():
    with pytest.raises(ValidationException, match="have 256 dimensions; 512 cannot be had"):
        titan_embed.write(titan_embed.read({"inputText": "a", "dimensions": 512}), ONE)


@pytest.mark.parametrize("module", [cohere_embed, cohere_embed_v4])
def test_cohere_answers_floats_or_each_type(module):
    two = Embedded([VECTOR, VECTOR], 7)
    plain = module.write(module.read(TEXTS), two)
    assert plain.pop("id")
    assert plain == {"response_type": "embeddings_floats", "texts": ["a", "b"], "embeddings": [list(VECTOR)] * 2}
    types = ["float", "int8", "uint8", "binary", "ubinary"]
    typed = module.write(module.read({**TEXTS, "embedding_types": types}), two)
    assert typed["response_type"] == "embeddings_by_type"
    assert [typed["embeddings"][name][1][:2] for name in types] == [
        [0.5, -0.5], [127, -128], [255, 0], [42, 42], [170, 170],
    ]  # fmt: skip
    assert all(len(typed["embeddings"][name]) == 2 for name in types)


def test_cohere_v4_reads_inputs_and_a_budget():
    content = [{"type": "text", "text": "title"}, {"type": "text", "text": "page"}]
    body = {"inputs": [{"content": content}], "input_type": "search_query", "max_tokens": 8, "truncate": "RIGHT"}
    wish = cohere_embed_v4.read(body)
    assert (wish.texts, wish.limit, wish.truncate) == (["title\npage"], 8, "END")
    short = cohere_embed_v4.write(cohere_embed_v4.read({**TEXTS, "output_dimension": 256}), ONE)
    assert len(short["embeddings"][0]) == 256


def test_nova_tells_where_a_text_was_cut():
    wish = nova_embed.read(NOVA)
    assert nova_embed.write(wish, ONE) == {"embeddings": [{"embeddingType": "TEXT", "embedding": list(VECTOR)}]}
    (told,) = nova_embed.write(wish, Embedded([VECTOR], 7, {0: 123}))["embeddings"]
    assert told["truncatedCharLength"] == 123


@pytest.mark.parametrize("module", [cohere_rerank, amazon_rerank])
def test_the_best_documents_come_first(module):
    ranking = module.read({"query": "q", "documents": ["a", "b", "c"], "top_n": 2})
    answer = module.write(ranking, [0.1, 0.9, 0.5])
    assert answer == {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 2, "relevance_score": 0.5}]}
    everything = module.read({"query": "q", "documents": ["a", "b", "c"]})
    assert [row["index"] for row in module.write(everything, [0.5, 0.5, 0.5])["results"]] == [0, 1, 2]


def test_documents_of_json_become_lines():
    body = {"query": "q", "documents": [{"title": "T", "n": [1, "ä"], "x": 1}], "rank_fields": ["n", "title"]}
    assert cohere_rerank.read(body).documents == ['n: [1, "ä"]\ntitle: T']
    assert written({"a": None}) == "a: null" and written(["a"]) == '["a"]' and written("a") == "a"


@pytest.mark.parametrize(
    ("called", "family"),
    [
        ("amazon.titan-embed-text-v2:0", "titan_embed"), ("amazon.titan-embed-text-v1", "titan_embed_v1"),
        ("amazon.titan-embed-g1-text-02", "titan_embed_v1"), ("cohere.embed-english-v3", "cohere_embed"),
        ("us.cohere.embed-v4:0", "cohere_embed_v4"), ("amazon.nova-2-multimodal-embeddings-v1:0", "nova_embed"),
        ("arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0", "cohere_rerank"),
        ("amazon.rerank-v1:0", "amazon_rerank"), ("acme.own", "own"),
    ],
)  # fmt: skip
def test_the_name_chooses_the_body(called, family):
    assert dialects.family(called, "own") == family
