"""Where a model is answered: an HTTP server that speaks the OpenAI API, and what that server can do.

Knows nothing of who runs the server. Differences between servers are rows of `KINDS`, not branches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .wordpiece import WordPiece


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of server offers beyond plain chat completions."""

    tokenize: bool = False
    """`/apply-template`, `/tokenize` and `/v1/chat/completions/input_tokens` as llama.cpp has them."""
    template_kwargs: bool = False
    """`chat_template_kwargs` in the body (enable_thinking and the like)."""
    forces_tools: bool = True
    """`tool_choice: required` is enforced while decoding; where not, a JSON schema of the call takes its place."""
    keeps_alive: bool = True
    """A connection can be used again after a stream."""
    extra_sampling: frozenset[str] = frozenset()
    """Sampling fields beyond OpenAI's own that the server takes by the name given here."""
    always: dict[str, Any] = field(default_factory=dict)
    """Fields that every chat request to this kind carries."""
    with_stop: dict[str, Any] = field(default_factory=dict)
    """Fields that make the server say which stop sequence ended the answer."""
    with_prefill: dict[str, Any] = field(default_factory=dict)
    """Fields that make the server go on from a last message of the assistant, where it does not by itself."""
    embeddings: str = "/v1/embeddings"
    """Path of embeddings; empty where the server has none."""
    rerank: str = ""
    """Path of reranking; empty where the server has none."""
    scores: str = "probability"
    """What a reranker's scores are: `probability`, or `logit` of one."""
    unscaled: dict[str, Any] = field(default_factory=dict)
    """Fields that make the server give embeddings as the model pools them, not scaled to length 1."""


KINDS: dict[str, Kind] = {
    "llama": Kind(
        tokenize=True,
        template_kwargs=True,
        # Seen with llama.cpp of October 2026: free text of any length may come before a required call.
        forces_tools=False,
        # It says keep-alive, ends the stream and closes: the next request on that connection would be lost.
        keeps_alive=False,
        extra_sampling=frozenset({"top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "mirostat"}),
        # The number of prompt tokens comes with the first chunk, before the first token.
        always={"cache_prompt": True, "return_progress": True},
        with_stop={"verbose": True},
        rerank="/v1/rerank",
        scores="logit",
        unscaled={"embd_normalize": -1},
    ),
    "vllm": Kind(
        template_kwargs=True,
        extra_sampling=frozenset({"top_k", "min_p", "repetition_penalty"}),
        with_prefill={"continue_final_message": True, "add_generation_prompt": False},
        rerank="/v1/rerank",
    ),
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
    words: WordPiece | None = None
    """BERT's own tokenizer, for a model that has a WordPiece vocabulary and runs here."""
    scores: str = ""
    """What this model's rerank scores are, where that differs from the kind's `scores`."""
    choosing: dict[str, Any] = field(default_factory=dict)
    """Fields that choose this model among those of one server: its adapter."""

    @property
    def always(self) -> dict[str, Any]:
        """Fields that every generation carries."""
        return {**self.kind.always, **self.choosing}
