"""OpenAI's legacy completions: prompts that a model goes on from with no chat template, and their answers.

Knows nothing of HTTP and of other dialects.
Source: platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from .. import ids
from ..turn import Delta, Reply
from .openai_parts import (
    ADDITIONAL,
    At,
    fault,
    finish_reason,
    flag,
    number,
    permit,
    prompt_tokens,
    sampling,
)

Prompt = str | list[int]

READ_HERE = frozenset({"prompt", "max_tokens", "temperature", "top_p", "stop", "logprobs", "logit_bias", "echo"})
IGNORED = frozenset({"model", "n", "best_of", "stream", "stream_options", "user"})
KNOWN = READ_HERE | IGNORED | ADDITIONAL

REFUSED = {"suffix": "this service does not fill in before a suffix"}

USUAL_TOKENS = 16
"""OpenAI's default of max_tokens."""
MOST_LOGPROBS = 5
MOST_PROMPTS = 128


def prompts(body: dict[str, Any]) -> list[Prompt]:
    """The prompts that a body holds: a text, token ids, or a list of either."""
    with At(""):
        given = body["prompt"]
    if isinstance(given, str) or _are_tokens(given):
        given = [given]
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_PROMPTS:
        raise fault(f"#: prompt: expected a string, token ids, or from 1 to {MOST_PROMPTS} of these", "prompt")
    if not all((isinstance(prompt, str) and prompt) or _are_tokens(prompt) for prompt in given):
        raise fault("#: prompt: each prompt is a string that says something, or a list of token ids", "prompt")
    return given


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(token) is int and 0 <= token < 2**31 for token in value)


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for, but for its prompt. Raises ValidationException that names the
    parameter."""
    permit(body, KNOWN, REFUSED)
    turn = sampling(body, number(body, "max_tokens") or USUAL_TOKENS)
    if number(body, "best_of") not in (None, number(body, "n") or 1):
        raise fault("#: best_of: this service returns every completion that it makes; best_of must equal n", "best_of")
    if (logprobs := _logprobs(body)) is not None:
        turn.setdefault("additionalModelRequestFields", {})["logprobs"] = logprobs
    _check_echo(body)
    return turn


def _logprobs(body: dict[str, Any]) -> int | None:
    wanted = body.get("logprobs")
    if wanted is None or (type(wanted) is int and 0 <= wanted <= MOST_LOGPROBS):
        return wanted
    raise fault(f"#: logprobs: expected an integer from 0 to {MOST_LOGPROBS}", "logprobs")


def _check_echo(body: dict[str, Any]) -> None:
    if not flag(body, "echo"):
        return
    if body.get("logprobs") is not None:
        raise fault("#: echo: engines do not tell the log-probabilities of a prompt", "echo")
    if not all(isinstance(prompt, str) for prompt in prompts(body)):
        raise fault("#: echo: only a text can be repeated", "echo")


def envelope(model_id: str) -> dict[str, Any]:
    return {
        "id": f"cmpl-{ids.digits(32)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model_id,
        "system_fingerprint": None,
    }


def completion(replies: Sequence[Reply], model_id: str, each: int = 1, echoes: Sequence[str] = ()) -> dict[str, Any]:
    """The body that answers; `each` replies in a row are to one prompt, `echoes` are what they begin with."""
    choices = [_choice_of(reply, place, echoes[place] if echoes else "") for place, reply in enumerate(replies)]
    return {**envelope(model_id), "choices": choices, "usage": usage([reply["usage"] for reply in replies], each)}


def _choice_of(reply: Reply, index: int, echo: str) -> dict[str, Any]:
    said = "".join(block["text"] for block in reply["message"]["content"] if "text" in block)
    logprobs = reply["fields"].get("logprobs")
    return {
        "text": echo + said,
        "index": index,
        "logprobs": None if logprobs is None else weights(logprobs),
        "finish_reason": finish_reason(reply["stopReason"]),
    }


def weights(tokens: Iterable[dict[str, Any]], offset: int = 0) -> dict[str, Any]:
    """Log-probabilities in parallel lists; `offset` is the number of characters before the first token."""
    told: dict[str, Any] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for token in tokens:
        told["tokens"].append(token["token"])
        told["token_logprobs"].append(token["logprob"])
        told["top_logprobs"].append({top["token"]: top["logprob"] for top in token.get("top_logprobs", ())})
        told["text_offset"].append(offset)
        offset += len(token["token"])
    return told


def usage(used: Sequence[dict[str, int]], each: int = 1) -> dict[str, int]:
    """What was used; the prompt that `each` answers in a row share counts once."""
    prompt = sum(prompt_tokens(one) for one in used[::each])
    output = sum(one["outputTokens"] for one in used)
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}


class Chunks:
    """One choice of a streamed completion. `envelope` is what all its chunks say."""

    def __init__(self, envelope: dict[str, Any], index: int = 0, echo: str = "") -> None:
        self.envelope, self.index, self.echo = envelope, index, echo
        self.offset = 0
        self.used: dict[str, int] = {}

    def read(self, delta: Delta) -> dict[str, Any] | None:
        """The chunk for a delta, where it makes one."""
        ((name, event),) = delta.items()
        if name == "contentBlockDelta":
            return self._piece(event)
        if name == "messageStart" and self.echo:
            return self._chunk(self.echo)
        if name == "messageStop":
            return self._chunk("", finish_reason(event["stopReason"]))
        if name == "metadata":
            self.used = event["usage"]
        return None

    def _piece(self, event: dict[str, Any]) -> dict[str, Any]:
        text, logprobs = event["delta"].get("text", ""), event.get("logprobs")
        told = None if logprobs is None else weights(logprobs, self.offset)
        self.offset += len(text)
        return self._chunk(text, logprobs=told)

    def _chunk(self, text: str, finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
        choice = {"text": text, "index": self.index, "logprobs": logprobs, "finish_reason": finish}
        return {**self.envelope, "choices": [choice]}
