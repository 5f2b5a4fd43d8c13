"""Conversations as tokens, with the tokens that are learnt: the assistant's turns of weight 1, each to its end token.

Knows nothing of files or trainers. A conversation is cut where the template begins and ends a turn and its pieces are
tokenized one by one, as a server tokenizes a prompt and then samples an answer.
"""

from __future__ import annotations

from typing import Any

IGNORED = -100
"""The label of a token that is read and not learnt (torch's own)."""


def conversation(tokenizer: Any, row: dict[str, Any]) -> dict[str, list[int]]:
    """{"input_ids", "labels"} of one conversation. ValueError for one that the model's template refuses."""
    ids: list[int] = []
    labels: list[int] = []
    for text, learnt in _pieces(tokenizer, row["messages"], row["tools"] or None):
        piece = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += piece
        labels += _learnt(piece, tokenizer.eos_token_id) if learnt else [IGNORED] * len(piece)
    return {"input_ids": ids, "labels": labels}


def text(tokenizer: Any, row: dict[str, Any]) -> list[int]:
    """The tokens of a plain text and the end token."""
    return [*tokenizer(row["text"], add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]


def render(tokenizer: Any, messages: list[dict[str, Any]], tools: Any, prompt: bool) -> str:
    """The text of a conversation; as a `prompt` it ends where the assistant would begin to speak."""
    try:
        return tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=prompt)
    except Exception as error:  # templates raise what they like
        raise ValueError(f"the model's chat template refuses it: {str(error)[:200]}") from error


def _pieces(tokenizer: Any, messages: list[dict[str, Any]], tools: Any) -> list[tuple[str, bool]]:
    """(text, whether it is learnt), in order. Where a template writes earlier turns differently once later ones are
    there (some drop old reasoning), only the last turn is learnt."""
    learnt = [message["role"] == "assistant" and message.get("weight", 1) for message in messages]
    messages = [{key: value for key, value in message.items() if key != "weight"} for message in messages]
    whole = render(tokenizer, messages, tools, prompt=False)
    pieces: list[tuple[str, bool]] = []
    done = 0
    for place in filter(learnt.__getitem__, range(len(messages))):
        asked = render(tokenizer, messages[:place], tools, prompt=True)
        answered = render(tokenizer, messages[: place + 1], tools, prompt=False)
        if answered.startswith(asked) and whole.startswith(answered):
            pieces += [(whole[done : len(asked)], False), (whole[len(asked) : len(answered)], True)]
            done = len(answered)
    return [piece for piece in pieces if piece[0]]


def _learnt(piece: list[int], end: int) -> list[int]:
    """Labels of an answer: all of it up to its last end token; what the template adds after that is not learnt."""
    if end not in piece:
        return [*piece]
    kept = len(piece) - piece[::-1].index(end)
    return [*piece[:kept], *[IGNORED] * (len(piece) - kept)]
