"""BERT's tokenizer, made from the vocabulary of a GGUF file: a text as the very ids that its model was trained on.

llama.cpp has one, too, but it takes Korean and Indic vowels apart differently and splits words of any length; the
embeddings would not be the model's own. Knows nothing of HTTP.
"""

from __future__ import annotations

from typing import Any

from .gguf_info import GgufInfo, read_vocabulary

LONGEST_WORD = 100
"""Characters; a longer word is unknown."""


class WordPiece:
    """Gives texts as ids, [CLS] first and [SEP] last."""

    def __init__(self, tokens: list[str], metadata: dict[str, Any]) -> None:
        from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

        def special(role: str, usual: int) -> int:
            return int(metadata.get(f"tokenizer.ggml.{role}_token_id", usual))

        def switch(name: str) -> bool:
            return bool(metadata.get(f"tokenizer.ggml.normalizer.{name}", True))

        self.first = special("bos", special("cls", 101))
        self.last = special("seperator", 102)
        unknown = special("unknown", 100)
        marked = {self.first, self.last, unknown, special("padding", 0), special("mask", 103)}
        vocabulary = {_plain(token): number for number, token in enumerate(tokens)}
        names = {number: text for text, number in vocabulary.items()}
        model = models.WordPiece(vocab=vocabulary, unk_token=names[unknown], max_input_chars_per_word=LONGEST_WORD)
        self._tokenizer = Tokenizer(model)
        self._tokenizer.normalizer = normalizers.BertNormalizer(
            lowercase=switch("lowercase"), strip_accents=switch("strip_accents")
        )
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._tokenizer.add_special_tokens([AddedToken(names[n], normalized=False) for n in marked if n in names])

    def ids(self, text: str) -> list[int]:
        """The text's ids with the special ones around them."""
        return [self.first, *self._tokenizer.encode(text, add_special_tokens=False).ids, self.last]

    def end_of(self, text: str, kept: int) -> int:
        """Where in `text` the first `kept` ids end, the special one at the beginning counted; characters."""
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return offsets[kept - 2][1] if 2 <= kept < len(offsets) + 2 else 0 if kept < 2 else len(text)


def _plain(token: str) -> str:
    """A token as BERT writes it: llama.cpp marks beginnings of words, BERT their continuations."""
    if token.startswith("\u2581"):
        return token[1:]
    return token if token.startswith("[") and token.endswith("]") and len(token) > 2 else f"##{token}"


def wordpiece_of(info: GgufInfo) -> WordPiece | None:
    """The tokenizer of a model whose file has a WordPiece vocabulary; ValueError for one that cannot be."""
    if info.metadata.get("tokenizer.ggml.model") != "bert":
        return None
    try:
        return WordPiece(read_vocabulary(info.path), info.metadata)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{info.path}: its vocabulary has no token {error}") from error
