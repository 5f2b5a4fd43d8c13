"""A WordPiece vocabulary as GGUF states it, read from tokenizer.json or vocab.txt.

Knows nothing of weights. llama.cpp's form marks where a word begins with "▁" and leaves its continuations bare, where
BERT marks the continuations with "##"; it calls [CLS] the token before every text and [SEP] the one after.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from .tokenizer import CONTROL, NORMAL, UNKNOWN, UNUSED, read_json

MOST_TOKENS = 4_000_000
ROLES = {"cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]", "mask": "[MASK]"}
"""Special token's role -> its text where the folder does not say."""

NORMALISER = {"clean_text": True, "handle_chinese_chars": True}
"""What llama.cpp always does to a text, and the normaliser must ask for."""


@dataclass(frozen=True, slots=True)
class WordPiece:
    """What a GGUF file says of a WordPiece tokenizer. `special` holds ids by role: cls, sep, unk, pad, mask."""

    tokens: list[str]
    types: list[int]
    special: dict[str, int]
    lowercase: bool
    strip_accents: bool

    def fill(self, writer: gguf.GGUFWriter) -> None:
        """Add everything to a GGUF writer."""
        writer.add_tokenizer_model("bert")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        writer.add_bos_token_id(self.special["cls"])
        writer.add_sep_token_id(self.special["sep"])
        writer.add_unk_token_id(self.special["unk"])
        writer.add_pad_token_id(self.special["pad"])
        writer.add_mask_token_id(self.special["mask"])
        writer.add_add_bos_token(True)
        writer.add_add_eos_token(False)
        writer.add_add_sep_token(True)
        # Newer than the gguf package's names for them.
        writer.add_bool("tokenizer.ggml.normalizer.lowercase", self.lowercase)
        writer.add_bool("tokenizer.ggml.normalizer.strip_accents", self.strip_accents)


def read(folder: Path, size: int) -> WordPiece:
    """The folder's vocabulary, padded to `size`. ValueError: none there, no WordPiece, ids with gaps."""
    try:
        return _read(folder, size)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{folder}: its tokenizer files cannot be read ({type(error).__name__}: {error})") from error


def _read(folder: Path, size: int) -> WordPiece:
    settings = read_json(folder / "tokenizer_config.json")
    data = read_json(folder / "tokenizer.json")
    texts = _from_json(data) if data else _from_text(folder / "vocab.txt")
    if not texts or len(texts) > size:
        raise ValueError(f"{folder}: the tokenizer has {len(texts)} tokens, config.json's vocab_size is {size}")
    texts += [f"[PAD{n}]" for n in range(len(texts), size)]
    special = _special(folder, settings, texts)
    lowercase, strip = _normaliser(data.get("normalizer") or {}, settings)
    types = [_type(text, number, special) for number, text in enumerate(texts)]
    tokens = [_phantom(text) for text in texts]
    if len(set(tokens)) < len(tokens):  # llama.cpp aborts on it
        raise ValueError(f"{folder}: a token stands in the vocabulary twice")
    return WordPiece(tokens, types, special, lowercase, strip)


def _from_json(data: Mapping[str, Any]) -> list[str]:
    model = data["model"]
    if model.get("type", "WordPiece") != "WordPiece" or model.get("continuing_subword_prefix", "##") != "##":
        raise ValueError(f"tokenizer.json: a {model.get('type')} model; a BERT encoder's is WordPiece")
    pre = data.get("pre_tokenizer") or {}
    if pre.get("type") != "BertPreTokenizer":
        raise ValueError(f"tokenizer.json: the pre-tokenizer {json.dumps(pre)[:200]} has no counterpart in llama.cpp")
    by_id = {number: text for text, number in model["vocab"].items()}
    by_id |= {token["id"]: token["content"] for token in data.get("added_tokens") or []}
    if sorted(by_id) != list(range(len(by_id))) or len(by_id) > MOST_TOKENS:
        raise ValueError("tokenizer.json: ids with gaps")
    return [_text(by_id[number]) for number in range(len(by_id))]


def _text(token: Any) -> str:
    if not isinstance(token, str):
        raise TypeError("a token is not a text")
    return token


def _from_text(path: Path) -> list[str]:
    if not path.is_file():
        raise ValueError(f"{path.parent}: neither tokenizer.json nor vocab.txt is here")
    return path.read_text("utf-8").rstrip("\n").split("\n")


def _special(folder: Path, settings: dict[str, Any], texts: list[str]) -> dict[str, int]:
    named = read_json(folder / "special_tokens_map.json") | settings
    ids = {text: number for number, text in enumerate(texts)}
    special = {}
    for role, usual in ROLES.items():
        given = named.get(f"{role}_token") or usual
        text = given["content"] if isinstance(given, dict) else given
        if text not in ids:
            raise ValueError(f"{folder}: the vocabulary has no {text}")
        special[role] = ids[text]
    return special


def _normaliser(step: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether capitals and accents go. tokenizer.json's word, else that of tokenizer_config.json."""
    if step and step.get("type") != "BertNormalizer":
        raise ValueError(f"tokenizer.json: the normalizer {json.dumps(step)[:200]} has no counterpart in llama.cpp")
    for key, wanted in NORMALISER.items():
        if step.get(key, wanted) is not wanted:
            raise ValueError(f"tokenizer.json: {key} {step[key]!r} has no counterpart in llama.cpp")
    lower = bool(step["lowercase"] if step else settings.get("do_lower_case", True))
    strip = (step or settings).get("strip_accents")
    return lower, lower if strip is None else bool(strip)


def _type(text: str, number: int, special: Mapping[str, int]) -> int:
    if number == special["unk"]:
        return UNKNOWN
    if number in special.values():
        return CONTROL
    return UNUSED if text.startswith("[PAD") else NORMAL


def _phantom(text: str) -> str:
    if len(text) > 2 and text.startswith("[") and text.endswith("]"):
        return text
    return text[2:] if text.startswith("##") else f"\u2581{text}"


def read_list(path: Path) -> list[dict[str, Any]]:
    """A JSON list of objects; ValueError when it is none."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{path}: not a list of objects")
    return value
