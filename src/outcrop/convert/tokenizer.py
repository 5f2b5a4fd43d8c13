"""A tokenizer as GGUF states it, read from a Hugging Face folder's tokenizer.json.

Knows nothing of weights. Two families: byte-level BPE (llama.cpp's "gpt2") and SentencePiece-like BPE with byte
fallback ("llama"). llama.cpp splits text before BPE by built-in rules chosen by name (`tokenizer.ggml.pre`); the name
is found by comparing the folder's pre-tokenizer with `PRE_TOKENIZERS`, never by guessing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gguf

from . import sentencepiece

logger = logging.getLogger(__name__)

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = (
    int(kind) for kind in (
        gguf.TokenType.NORMAL, gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL,
        gguf.TokenType.USER_DEFINED, gguf.TokenType.UNUSED, gguf.TokenType.BYTE,
    )
)  # fmt: skip

MOST_TOKENS = 4_000_000
"""Highest id of a token: ten times the largest vocabulary known."""

GPT2 = "gpt-2 words"
"""Stands in a rule for ByteLevel(use_regex=True), which splits by GPT-2's own expression."""
DIGITS = "single digits"
"""Stands in a rule for Digits(individual_digits=True)."""

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+{C}|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*{C}|"
)
_CASED_TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"

PRE_TOKENIZERS: dict[tuple[str, ...], str] = {
    (GPT2,): "gpt-2",
    (DIGITS, GPT2): "smollm",
    (_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + _TAIL,): "llama-bpe",
    (_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + _TAIL,): "qwen2",
    (
        _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    ): "qwen35",
    (_CASED.replace("{C}", "") + r"\p{N}|" + _CASED_TAIL,): "tekken",
    (_CASED.replace("{C}", _CONTRACTIONS + "?") + r"\p{N}{1,3}|" + _CASED_TAIL,): "gpt-4o",
}
"""What splits the text, in order -> llama.cpp's name for it. The expressions are those of the published
tokenizer.json files, which llama.cpp's rules were adapted from (src/llama-vocab.cpp). Its rules for tekken and gpt-4o
cut combining marks off their letters, which the originals do not; all else agrees (tests/convert/test_tokenizer.py)."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a GGUF file says of its tokenizer. `special` holds ids by role: bos, eos, unk, pad, eot, eom."""

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    special: dict[str, int] = field(default_factory=dict)
    add_bos: bool = False
    add_eos: bool = False
    space_prefix: bool | None = None
    chat_template: str | None = None

    def fill(self, writer: gguf.GGUFWriter) -> None:
        """Add everything to a GGUF writer."""
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        if self.scores:
            writer.add_token_scores(self.scores)
        if self.merges:
            writer.add_token_merges(self.merges)
        for role, number in self.special.items():
            getattr(writer, f"add_{role}_token_id")(number)
        # Always stated: llama.cpp's own defaults differ from one pre-tokenizer to the next.
        writer.add_add_bos_token(self.add_bos)
        writer.add_add_eos_token(self.add_eos)
        if self.space_prefix is not None:
            writer.add_add_space_prefix(self.space_prefix)
        if self.chat_template:
            writer.add_chat_template(self.chat_template)

    def padded(self, size: int) -> Vocabulary:
        """The same with unused tokens up to the `size` rows of the embedding; ValueError when it has more."""
        missing = size - len(self.tokens)
        if missing < 0:
            raise ValueError(f"the tokenizer has {len(self.tokens)} tokens, config.json's vocab_size is {size}")
        return replace(
            self,
            tokens=self.tokens + [f"[PAD{len(self.tokens) + n}]" for n in range(missing)],
            types=self.types + [UNUSED] * missing,
            scores=self.scores + [-1e6] * missing if self.scores else [],
        )


def read(folder: Path, config: Mapping[str, Any]) -> Vocabulary:
    """The folder's tokenizer, padded to config's vocab_size. `config` is config.json.

    ValueError: no tokenizer, an unknown pre-tokenizer or normaliser, ids with gaps.
    """
    try:
        return _read(folder, config)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{folder}: its tokenizer files cannot be read ({type(error).__name__}: {error})") from error


def _read(folder: Path, config: Mapping[str, Any]) -> Vocabulary:
    path = folder / "tokenizer.json"
    settings = read_json(folder / "tokenizer_config.json")
    if path.is_file():
        data = read_json(path)
        vocabulary, post = _from_json(data), data.get("post_processor")
    elif (folder / "tokenizer.model").is_file():
        vocabulary, post = _from_pieces(sentencepiece.read(folder / "tokenizer.model"), settings), None
    else:
        raise ValueError(f"{folder}: neither tokenizer.json nor tokenizer.model is here")
    special = _special(folder, settings, config, vocabulary.tokens)
    bos, eos = _added_by_default(settings, post, special, vocabulary)
    template = _chat_template(folder, settings)
    vocabulary = replace(vocabulary, special=special, add_bos=bos, add_eos=eos, chat_template=template)
    return vocabulary.padded(int(config["vocab_size"]))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, {} when there is no such file; ValueError when it is not one."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: not a JSON object")
    return value


def _from_json(data: dict[str, Any]) -> Vocabulary:
    model = data.get("model") or {}
    if model.get("type", "BPE") != "BPE" or model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        raise ValueError(f"tokenizer.json: a {model.get('type')} model; only plain BPE can be converted")
    tokens, types = _tokens(model["vocab"], data.get("added_tokens") or [])
    build = _sentencepiece_like if model.get("byte_fallback") else _byte_level
    return build(data, tokens, types, [_pair(merge) for merge in model.get("merges") or []])


def _tokens(vocab: dict[str, int], added: list[dict[str, Any]]) -> tuple[list[str], list[int]]:
    by_id = {number: (text, NORMAL) for text, number in vocab.items()}
    for token in added:
        by_id[token["id"]] = (token["content"], CONTROL if token.get("special") else USER_DEFINED)
    if min(by_id, default=-1) < 0 or max(by_id) > MOST_TOKENS:
        raise ValueError("tokenizer.json: no tokens, or ids that cannot be")
    by_id |= {gap: (f"[PAD{gap}]", UNUSED) for gap in range(max(by_id)) if gap not in by_id}
    if not all(isinstance(text, str) for text, _ in by_id.values()):
        raise TypeError("a token is not a text")
    ordered = [by_id[number] for number in range(len(by_id))]
    return [text for text, _ in ordered], [kind for _, kind in ordered]


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, _, right = merge.partition(" ") if isinstance(merge, str) else (merge[0], "", merge[1])
    return left, right


def _byte_level(data: dict[str, Any], tokens: list[str], types: list[int], merges: list[tuple[str, str]]) -> Vocabulary:
    # NFC is accepted though llama.cpp does not normalise: nearly all text is in that form already.
    if any(step.get("type") != "NFC" for step in _steps(data.get("normalizer"))):
        raise ValueError(f"tokenizer.json: normalizer {json.dumps(data['normalizer'])} has no counterpart in llama.cpp")
    return Vocabulary("gpt2", _pre_name(data.get("pre_tokenizer")), tokens, types, [" ".join(pair) for pair in merges])


def _pre_name(pre: dict[str, Any] | None) -> str:
    rule = tuple(_splits(pre))
    name = PRE_TOKENIZERS.get(rule)
    if name is None:
        known = ", ".join(PRE_TOKENIZERS.values())
        raise ValueError(f"tokenizer.json: the pre-tokenizer {list(rule)} is none that llama.cpp knows here ({known})")
    return name


def _splits(pre: dict[str, Any] | None) -> Iterator[str]:
    """What a pre-tokenizer splits by, step by step; steps that split nothing yield nothing."""
    for step in _steps(pre):
        match step:
            case {"type": "ByteLevel", "add_prefix_space": True}:
                yield "ByteLevel with add_prefix_space"
            case {"type": "ByteLevel"}:
                yield from [GPT2] if step.get("use_regex", True) else []
            case {"type": "Digits", "individual_digits": True}:
                yield DIGITS
            case {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated"}:
                yield regex
            case {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Removed", "invert": True}:
                yield regex  # GPT-4o's and Tekken's way to say the same
            case _:
                yield json.dumps(step)


def _steps(step: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A normaliser or pre-tokenizer as a flat list of its steps."""
    if not step:
        return []
    if step.get("type") != "Sequence":
        return [step]
    inner = step.get("pretokenizers") or step.get("normalizers") or []
    return [leaf for part in inner for leaf in _steps(part)]


def _sentencepiece_like(data: dict[str, Any], tokens: list[str], types: list[int],
                        merges: list[tuple[str, str]]) -> Vocabulary:  # fmt: skip
    types = [_piece_type(text, kind) for text, kind in zip(tokens, types, strict=True)]
    if types.count(BYTE) != 256:
        raise ValueError(f"tokenizer.json: byte_fallback needs 256 byte tokens <0x00>..<0xFF>, has {types.count(BYTE)}")
    # llama.cpp joins the neighbours whose union scores best; Hugging Face the pair that stands first in the merges.
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault("".join(pair), rank)
    scores = [-float(ranks.get(text, 1_000_000)) for text in tokens]
    if odd := _unmergeable(ranks, merges, set(tokens)):
        logger.warning("%d tokens can be split in ways the merges do not list (%r): llama.cpp may join more", *odd)
    return Vocabulary("llama", "default", tokens, types, scores=scores, space_prefix=_space_prefix(data))


def _unmergeable(ranks: dict[str, int], merges: list[tuple[str, str]], known: set[str]) -> tuple[int, str] | None:
    """How many merged tokens have a split into two tokens that is no merge, and one of them. A tokenizer that was
    SentencePiece before has none; one trained as BPE with byte fallback may."""
    listed = set(merges)
    odd = [
        text
        for text in ranks
        if any((pair := (text[:n], text[n:])) not in listed and known.issuperset(pair) for n in range(1, len(text)))
    ]
    return (len(odd), odd[0]) if odd else None


def _piece_type(text: str, kind: int) -> int:
    if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
        return BYTE
    return UNKNOWN if text == "<unk>" else kind


def _space_prefix(data: dict[str, Any]) -> bool:
    """Whether a space goes before the text; ValueError for steps that a SentencePiece-like tokenizer does not have."""
    before = False
    for step in _steps(data.get("normalizer")) + _steps(data.get("pre_tokenizer")):
        match step:
            case {"type": "Prepend", "prepend": "▁"}:
                before = True
            case {"type": "Metaspace"}:
                before = step.get("prepend_scheme", "always") != "never"
            case {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}:
                pass
            case {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}:
                pass  # Gemma's: never matches, since the spaces have been replaced
            case _:
                raise ValueError(f"tokenizer.json: the step {json.dumps(step)} has no counterpart in llama.cpp")
    return before


def _from_pieces(model: sentencepiece.Model, settings: Mapping[str, Any]) -> Vocabulary:
    tokens, types = [p.text for p in model.pieces], [p.kind for p in model.pieces]
    scores = [piece.score for piece in model.pieces]
    added = settings.get("added_tokens_decoder") or {}
    for number, token in sorted((int(key), token) for key, token in added.items()):
        if number > len(tokens):
            raise ValueError(f"tokenizer_config.json: added token {number} leaves a gap after {len(tokens)} pieces")
        if number == len(tokens):
            tokens, scores = [*tokens, token["content"]], [*scores, -1e6]
            types = [*types, CONTROL if token.get("special") else USER_DEFINED]
    return Vocabulary("llama", "default", tokens, types, scores=scores, space_prefix=model.add_dummy_prefix)


def _special(folder: Path, settings: dict[str, Any], config: Mapping[str, Any], tokens: list[str]) -> dict[str, int]:
    """Ids by role. Further end tokens of generation_config.json become eot and eom: llama.cpp stops at those too."""
    ids = {text: number for number, text in enumerate(tokens)}
    named = read_json(folder / "special_tokens_map.json") | settings
    generation = read_json(folder / "generation_config.json")
    special: dict[str, int] = {}
    for role in ("bos", "eos", "unk", "pad"):
        number = ids.get(_text(named.get(f"{role}_token")), _first(config.get(f"{role}_token_id")))
        if number is not None and 0 <= number < len(tokens):
            special[role] = number
    ends = _many(generation.get("eos_token_id")) + _many(config.get("eos_token_id"))
    others = [n for n in dict.fromkeys(ends) if n != special.get("eos") and 0 <= n < len(tokens)]
    return special | dict(zip(("eot", "eom"), others, strict=False))


def _text(token: Any) -> str:
    return token.get("content", "") if isinstance(token, dict) else token or ""


def _many(ids: Any) -> list[int]:
    return [n for n in (ids if isinstance(ids, list) else [ids]) if isinstance(n, int)]


def _first(ids: Any) -> int | None:
    return next(iter(_many(ids)), None)


def _added_by_default(settings: Mapping[str, Any], post: dict[str, Any] | None, special: dict[str, int],
                      vocabulary: Vocabulary) -> tuple[bool, bool]:  # fmt: skip
    """Whether bos goes before and eos after every text: tokenizer_config's word, else the post-processor's."""
    template = _template(post)
    named = {role: vocabulary.tokens[number] for role, number in special.items()}
    before = bool(template) and "bos" in named and template[0] == named["bos"]
    after = bool(template) and "eos" in named and template[-1] == named["eos"]
    # A SentencePiece model without tokenizer.json is Llama 2's, which puts bos before.
    before = before or (post is None and vocabulary.model == "llama" and "add_bos_token" not in settings)
    flags = [settings.get("add_bos_token"), settings.get("add_eos_token")]
    bos, eos = (flag if isinstance(flag, bool) else found for flag, found in zip(flags, (before, after), strict=True))
    return bos and "bos" in special, eos and "eos" in special


def _template(post: dict[str, Any] | None) -> list[str]:
    """A post-processor's pattern for one text: token texts, and "" for the text itself."""
    if not post:
        return []
    if post.get("type") == "Sequence":
        return next((found for part in post.get("processors", []) if (found := _template(part))), [])
    pieces = post.get("single", []) if post.get("type") == "TemplateProcessing" else []
    return [piece.get("SpecialToken", {}).get("id", "") for piece in pieces]


def _chat_template(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """chat_template.jinja, else tokenizer_config's: one template, or the "default" of several."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text("utf-8")
    template = settings.get("chat_template")
    if isinstance(template, list):
        return {entry.get("name"): entry.get("template") for entry in template}.get("default")
    return template
