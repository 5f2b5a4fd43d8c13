"""A random little Qwen3 in a Hugging Face folder that learns in seconds, and made-up tasks for it.

Knows nothing of jobs. Its words are tokens, its template is ChatML with tools.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tests.convert import folders

FILLER = [
    "please",
    "kindly",
    "now",
    "then",
    "so",
    "well",
    "about",
    "the",
    "a",
    "this",
    "that",
    "for",
    "of",
    "with",
    "and",
    "or",
    "look",
    "find",
    "tell",
    "show",
]
KEYS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "gravel", "hazel"]
CODES = ["K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8"]
CODE_OF = dict(zip(KEYS, CODES, strict=True))
ROLES = ["system", "user", "assistant", "tool"]

TEMPLATE = (
    "{% if tools %}<|bos|>system\n{% for t in tools %}{{ t.function.name }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|bos|>{{ m.role }}\n{{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }} {{ c.function.arguments | tojson }}"
    "</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|bos|>assistant\n{% endif %}"
)

SHAPE: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "rope_theta": 10000.0, "head_dim": 16,
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "hidden_act": "silu",
    "bos_token_id": 256, "eos_token_id": 257, "tie_word_embeddings": True,
}  # fmt: skip


def make(folder: Path) -> Path:
    """Write the folder; returns it."""
    size = _tokenizer(folder)
    config = {**SHAPE, "vocab_size": size}
    (folder / "config.json").write_text(json.dumps(config))
    weights = folders.random_weights(config)
    for name, values in weights.items():
        if "norm" not in name:
            values *= 0.05 / max(values.std(), 1e-6)  # as a model is born: small, so that it learns fast
    folders.save(folder, weights)
    return folder


def _tokenizer(folder: Path) -> int:
    """Bytes, three added tokens, and every word as one token, with and without a space before it. Returns the size."""
    vocab = {text: number for number, text in enumerate(folders.alphabet())}
    merges: list[str] = []
    for word in [*FILLER, *KEYS, *CODES, *ROLES]:
        for whole in (word, f"Ġ{word}"):
            for end in range(2, len(whole) + 1):
                merges.append(f"{whole[: end - 1]} {whole[end - 1]}")  # noqa: PERF401
    merges = list(dict.fromkeys(merges))
    added = [folders.added_token(256, "<|bos|>"), folders.added_token(257, "<|im_end|>")]
    for text in ("<|bos|>", "<|im_end|>", *(merge.replace(" ", "") for merge in merges)):
        vocab.setdefault(text, len(vocab))
    data = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": folders.split(folders.QWEN2_REGEX), "post_processor": None, "decoder": folders.BYTES,
        "model": {"type": "BPE", "vocab": vocab, "merges": merges},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE}
    settings |= {"bos_token": "<|bos|>", "eos_token": "<|im_end|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return len(vocab)


def asked(draw: random.Random) -> tuple[str, str]:
    """A sentence with one key word somewhere, and that key's code."""
    key = draw.choice(KEYS)
    words = draw.sample(FILLER, draw.randint(3, 6))
    words.insert(draw.randint(0, len(words)), key)
    return " ".join(words), CODE_OF[key]


def questions(count: int, seed: int) -> list[tuple[str, str]]:
    """`count` sentences and codes; another seed gives other sentences."""
    draw = random.Random(seed)
    return [asked(draw) for _ in range(count)]
