"""Where a model is answered: an HTTP server that speaks the OpenAI API, and what that server can do.

Knows nothing of who runs the server. Differences between servers are rows of `KINDS`, not branches.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of server offers beyond plain chat completions."""

    tokenize: bool = False
    """`/apply-template` and `/tokenize` as llama.cpp has them: exact token counts."""
    template_kwargs: bool = False
    """`chat_template_kwargs` in the body (enable_thinking and the like)."""
    timings: bool = False
    """`timings` in the answer: prompt tokens taken from the prefix cache (`cache_n`)."""
    extra_sampling: frozenset[str] = frozenset()
    """Sampling fields beyond OpenAI's own that the server takes by the name given here."""


KINDS: dict[str, Kind] = {
    "llama": Kind(
        tokenize=True,
        template_kwargs=True,
        timings=True,
        extra_sampling=frozenset({"top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "mirostat"}),
    ),
    "vllm": Kind(template_kwargs=True, extra_sampling=frozenset({"top_k", "min_p", "repetition_penalty"})),
    "openai": Kind(),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server ready to answer for one model."""

    url: str
    """Base URL without a trailing slash and without `/v1`."""
    kind: Kind
    model: str = "default"
    """The `model` name that the server expects in a body."""
    key: str | None = None
