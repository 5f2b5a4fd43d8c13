"""Which tokens of a conversation are learnt: the assistant's, but for messages of weight 0."""

from __future__ import annotations

from typing import Any

from outcrop.training import render


class Letters:
    """A tokenizer of one token a letter, with a template as plain as can be; `|` ends a turn."""

    eos_token_id = ord("|")

    def apply_chat_template(self, messages: Any, tools: Any, tokenize: bool, add_generation_prompt: bool) -> str:
        assert all("weight" not in message for message in messages), "templates know nothing of weights"
        told = "".join(f"{message['role'][0]}:{message['content']}|" for message in messages)
        return told + ("a:" if add_generation_prompt else "")

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}


def said(*weights: int | None) -> dict[str, Any]:
    """A conversation whose answers have these weights."""
    turns: list[dict[str, Any]] = []
    for place, weight in enumerate(weights):
        answer = {"role": "assistant", "content": f"A{place}"} | ({} if weight is None else {"weight": weight})
        turns += [{"role": "user", "content": "q"}, answer]
    return {"messages": turns, "tools": []}


def learnt(row: dict[str, Any]) -> str:
    shown = render.conversation(Letters(), row)
    assert len(shown["input_ids"]) == len(shown["labels"])
    return "".join(chr(label) for label in shown["labels"] if label != render.IGNORED)


def test_an_answer_of_weight_0_is_read_and_not_learnt() -> None:
    assert learnt(said(None, None)) == "A0|A1|"
    assert learnt(said(1, 0)) == "A0|"
    assert learnt(said(0, 1)) == "A1|"
    text = "".join(map(chr, render.conversation(Letters(), said(0, 1))["input_ids"]))
    assert text == "u:q|a:A0|u:q|a:A1|"
