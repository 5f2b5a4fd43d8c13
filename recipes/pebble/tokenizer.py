# ruff: noqa: E501
"""A byte-level BPE whose words are spelt alike after a space, a quote or a bracket.

Knows nothing of tasks. Ordinary BPE glues the space to the word, so that `` Tavira`` and ``"Tavira`` share no token and a small model must
learn each pair by heart before it can copy a name into JSON. Here the pieces are learnt without spaces; then, as the last merges, the space is
glued to the commonest whole words only. Digits stand alone. The regular expression is Qwen2's, which llama.cpp knows as ``qwen2``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from recipes.pebble.chat import CONTROL, TEMPLATE, VISIBLE
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPACE = "Ġ"  # how byte-level BPE writes a space


def train(texts: Iterable[str], size: int = 4096, spaced: int = 900) -> Tokenizer:
    """Learn ``size`` tokens, the last ``spaced`` of them common words with their space."""
    texts = list(texts)
    base = size - spaced - len(CONTROL) - len(VISIBLE)
    pieces = _byte_pairs(texts, base)
    vocabulary, merges = pieces["vocab"], [tuple(m) for m in pieces["merges"]]
    for word in _common_words(texts, vocabulary, spaced):
        merges.append((SPACE, word))
        vocabulary[SPACE + word] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in CONTROL])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in VISIBLE])
    return tokenizer


def _byte_pairs(texts: list[str], size: int) -> dict:
    """BPE over words, numbers and punctuation with the character before a word split off."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+[\r\n]*|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(_without_controls(texts), trainer)
    return json.loads(tokenizer.to_str())["model"]


def _without_controls(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for control in CONTROL + VISIBLE:
            text = text.replace(control, "\n")
        yield text


def _common_words(texts: list[str], vocabulary: dict[str, int], count: int) -> list[str]:
    counts = Counter(word for text in texts for word in text.split(" ")[1:])
    cleaned: Counter[str] = Counter()
    for word, times in counts.items():
        bare = word.rstrip(".,!?:;\n\"'")
        cleaned[bare] += times
    cleaned["("] = cleaned['"'] = cleaned["{"] = cleaned["["] = cleaned["-"] = cleaned["="] = cleaned["+"] = cleaned[
        "*"
    ] = 10**9
    known = [
        word
        for word, _ in cleaned.most_common()
        if word in vocabulary and word.isascii() and not word.isdigit() and word
    ]
    return known[:count]


def save(tokenizer: Tokenizer, folder: Path, context: int = 2048) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` (with the chat template), as Hugging Face reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
