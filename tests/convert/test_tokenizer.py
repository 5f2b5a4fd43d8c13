"""Tokenizers: llama.cpp must cut text as the tokenizers library does, and what it cannot cut so is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop.convert import convert, tokenizer
from outcrop.convert.tokenizer import BYTE, CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED

from .engine import serve
from .folders import BASE, CASES, added_token, alphabet, build, byte_fallback_tokenizer, byte_level_tokenizer, split

TEXTS = [
    "", " ", "hello", "Hello  there,\n\n  world!!  ", "don't  WE'LL it's", "12345 67 8", "the the  the\t\tthe",
    "a\r\nb\r\n\r\n", "éàü ñandú café", "日本語のテキスト", "🙂🙂 emoji", "x=1;  if (a[0]!=b) {return;}",
    "CamelCase snake_case UPPER", "\u200bzero", "<think>hello</think>", "a<|im_end|>b", "   leading", "trailing   ",
    "\n\n\n", "1st 2nd 3rd", "'s't're", "naïve—dash…", "10²³", "ⅷ Ⅻ", "अनुच्छेद", "end.\n//\n/x",
]  # fmt: skip
MARKS = ["e\u0301\u0301x", "a e\u0301"]
"""Combining marks: llama.cpp's rules for tekken and gpt-4o do not count them as letters, the originals do."""
CONFIG = {**BASE, **CASES["qwen2-tied-f16"], "vocab_size": 400}

BYTE_LEVEL: dict[str, Any] = {
    "gpt-2": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    "smollm": {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
}  # fmt: skip
BYTE_LEVEL |= {name: split(*rule) for rule, name in tokenizer.PRE_TOKENIZERS.items() if name not in BYTE_LEVEL}


def long_vocabulary(folder: Path, pre: dict[str, Any]) -> None:
    """A byte-level tokenizer with all pairs of letters, digits and signs merged, so that every split shows."""
    vocab = {text: number for number, text in enumerate(alphabet())} | {"<|bos|>": 256, "<|im_end|>": 257}
    accent = [alphabet()[byte] for byte in "\u0301".encode()]
    signs = [*"abcdefghilmnoprstuvwxABCHILUW0123456789'.,;!=()/ĠĊčĉ", *accent]
    merges = [f"{a} {b}" for a in signs for b in signs]
    vocab |= {merge.replace(" ", ""): 258 + number for number, merge in enumerate(merges)}
    model = {"type": "BPE", "vocab": vocab, "merges": merges}
    byte_level_tokenizer(folder, pre, model=model, normalizer=None, added_tokens=[
        added_token(256, "<|bos|>"), added_token(257, "<|im_end|>")])  # fmt: skip


@pytest.mark.parametrize("name", sorted(BYTE_LEVEL))
def test_byte_level_text_is_cut_as_the_tokenizers_library_cuts_it(name: str, tmp_path: Path) -> None:
    library = pytest.importorskip("tokenizers").Tokenizer
    build(tmp_path, "qwen2-tied-f16", vocab_size=4096)
    long_vocabulary(tmp_path, BYTE_LEVEL[name])
    expected = library.from_file(str(tmp_path / "tokenizer.json"))
    with serve(convert(tmp_path, tmp_path / "model.gguf", "f16")) as engine:
        for text in TEXTS + (MARKS if name not in ("tekken", "gpt-4o") else []):
            assert engine.tokenize(text, add_special=False) == expected.encode(text, add_special_tokens=False).ids, text


def test_the_rules_differ_on_these_texts(tmp_path: Path) -> None:
    """Otherwise the test above could not tell a right rule from a wrong one."""
    library = pytest.importorskip("tokenizers").Tokenizer
    cuts = {}
    for name, pre in BYTE_LEVEL.items():
        long_vocabulary(tmp_path, pre)
        encode = library.from_file(str(tmp_path / "tokenizer.json")).encode
        cuts[name] = tuple(tuple(encode(text).ids) for text in TEXTS + MARKS)
    assert len(set(cuts.values())) == len(cuts)


def test_byte_fallback_text_is_cut_as_the_tokenizers_library_cuts_it(tmp_path: Path) -> None:
    library = pytest.importorskip("tokenizers").Tokenizer
    build(tmp_path, "llama", bos_token_id=1, eos_token_id=2, vocab_size=352)
    byte_fallback_tokenizer(tmp_path)
    expected = library.from_file(str(tmp_path / "tokenizer.json"))
    with serve(convert(tmp_path, tmp_path / "model.gguf", "f16")) as engine:
        for text in filter(None, TEXTS):
            assert engine.tokenize(text, add_special=True) == expected.encode(text).ids, text


def test_added_tokens_special_ids_and_padding(tmp_path: Path) -> None:
    byte_level_tokenizer(tmp_path)
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [257, 0, 5]}')
    found = tokenizer.read(tmp_path, CONFIG)
    assert found.model == "gpt2" and found.pre == "qwen2"
    assert found.special == {"bos": 256, "eos": 257, "eot": 0, "eom": 5}
    assert [found.types[n] for n in (0, 256, 257, 258, 259, 399)] == [
        NORMAL, CONTROL, CONTROL, USER_DEFINED, NORMAL, UNUSED
    ]  # fmt: skip
    assert (found.tokens[257], found.tokens[258], len(found.tokens), len(found.types)) == (
        "<|im_end|>",
        "<think>",
        400,
        400,
    )
    assert found.chat_template and not found.add_bos and not found.add_eos
    with pytest.raises(ValueError, match="vocab_size is 270"):
        tokenizer.read(tmp_path, {**CONFIG, "vocab_size": 270})


def test_the_byte_fallback_vocabulary(tmp_path: Path) -> None:
    byte_fallback_tokenizer(tmp_path)
    found = tokenizer.read(tmp_path, CONFIG)
    assert (found.types[0], found.types[1], found.types[3], found.types[260]) == (UNKNOWN, CONTROL, BYTE, NORMAL)
    assert found.special == {"bos": 1, "eos": 2, "unk": 0, "eot": 257}  # config.json names 257 as a further end
    assert (found.add_bos, found.add_eos, found.space_prefix) == (True, False, True)
    ranks = [found.scores[found.tokens.index(text)] for text in ("▁t", "he", "▁the", "▁▁")]
    assert ranks == sorted(ranks, reverse=True) and len(set(ranks)) == 4


@pytest.mark.parametrize(
    "flag, expected", [({"add_bos_token": False}, False), ({"add_bos_token": None}, True), ({}, True)]
)
def test_tokenizer_config_has_the_last_word_on_bos(flag: dict, expected: bool, tmp_path: Path) -> None:
    byte_fallback_tokenizer(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | flag))
    assert tokenizer.read(tmp_path, CONFIG).add_bos is expected


def test_chat_template_files_come_before_the_settings(tmp_path: Path) -> None:
    byte_level_tokenizer(tmp_path)
    settings = {"chat_template": [{"name": "rag", "template": "R"}, {"name": "default", "template": "D"}]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    assert tokenizer.read(tmp_path, CONFIG).chat_template == "D"
    (tmp_path / "chat_template.jinja").write_text("J\n")
    assert tokenizer.read(tmp_path, CONFIG).chat_template == "J\n"


BERT = {"type": "BertPreTokenizer"}
WRONG: dict[str, dict[str, Any]] = {
    "pre-tokenizer": {"pre_tokenizer": split(r"\w+|\W+")},
    "pre-tokenizer ": {"pre_tokenizer": BERT},
    "pre-tokenizer  ": {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}},
    "normalizer": {"normalizer": {"type": "Lowercase"}},
    "WordPiece": {"model": {"type": "WordPiece", "vocab": {}}},
    "Unigram": {"model": {"type": "Unigram", "vocab": []}},
    "256 byte tokens": {"model": {"type": "BPE", "byte_fallback": True, "vocab": {"a": 0}, "merges": []}},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_llama_cpp_would_cut_otherwise_is_refused(message: str, tmp_path: Path) -> None:
    byte_level_tokenizer(tmp_path, **WRONG[message])
    with pytest.raises(ValueError, match=message.strip()):
        tokenizer.read(tmp_path, CONFIG)


def test_no_tokenizer_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"neither tokenizer\.json nor tokenizer\.model"):
        tokenizer.read(tmp_path, CONFIG)
    for text in ("{", "[]", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        (tmp_path / "tokenizer.json").write_text(text, encoding="latin-1")
        with pytest.raises(ValueError, match=r"tokenizer\.json"):
            tokenizer.read(tmp_path, CONFIG)
