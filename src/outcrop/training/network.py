"""A decoder-only transformer of the Qwen3/Llama shape, with the weight names of Hugging Face folders.

Knows nothing of data, optimisers or files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """The numbers that fix a model; the field names are those of a Hugging Face ``config.json``."""

    vocab_size: int = 4096
    hidden_size: int = 192
    num_hidden_layers: int = 8
    num_attention_heads: int = 6
    num_key_value_heads: int = 2
    head_dim: int = 32
    intermediate_size: int = 512
    max_position_embeddings: int = 2048
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-6
    qk_norm: bool = True
    tie_word_embeddings: bool = True

    @classmethod
    def of_depth(cls, depth: int, vocab_size: int, **changes: object) -> Shape:
        """The one dial: every other number follows from the number of layers (8 -> 4M, 12 -> 13M, 24 -> 110M)."""
        width = 32 * max(4, round(depth * 0.75))
        heads = width // 32 if width < 512 else width // 64
        numbers = {
            "vocab_size": vocab_size,
            "hidden_size": width,
            "num_hidden_layers": depth,
            "num_attention_heads": heads,
            "num_key_value_heads": next(n for n in (heads // 3, heads // 2, heads) if n and heads % n == 0),
            "head_dim": width // heads,
            "intermediate_size": -(-width * 8 // 3 // 64) * 64,
        }
        return cls(**{**numbers, **changes})

    def to_dict(self) -> dict:
        """Every number by its name, ready for JSON."""
        return asdict(self)


class RMSNorm(nn.Module):
    """Scale to unit root mean square, then by a learnt weight (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


def rotary(positions: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines for rotary positions, each [positions, head_dim] (Su et al. 2021)."""
    frequencies = theta ** (-torch.arange(0, head_dim, 2).float() / head_dim)
    angles = torch.outer(torch.arange(positions).float(), frequencies).repeat(1, 2)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each (i, i + head_dim/2) pair by its position's angle."""
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-high, low), dim=-1) * sin


class Attention(nn.Module):
    """Grouped-query attention with an optional norm on queries and keys."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.head_dim, width = shape.head_dim, shape.hidden_size
        queries, keys = shape.num_attention_heads * self.head_dim, shape.num_key_value_heads * self.head_dim
        self.repeat = shape.num_attention_heads // shape.num_key_value_heads
        self.q_proj = nn.Linear(width, queries, bias=False)
        self.k_proj = nn.Linear(width, keys, bias=False)
        self.v_proj = nn.Linear(width, keys, bias=False)
        self.o_proj = nn.Linear(queries, width, bias=False)
        if shape.qk_norm:
            self.q_norm = RMSNorm(self.head_dim, shape.rms_norm_eps)
            self.k_norm = RMSNorm(self.head_dim, shape.rms_norm_eps)
        self.qk_norm = shape.qk_norm

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, [batch, length, heads, head_dim] each, for `attend`."""
        q, k, v = (p(x).unflatten(-1, (-1, self.head_dim)) for p in (self.q_proj, self.k_proj, self.v_proj))
        if self.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (t.repeat_interleave(self.repeat, dim=2) for t in (k, v))
        return q, k, v


def attend(q: Tensor, k: Tensor, v: Tensor, lengths: list[int]) -> Tensor:
    """Causal attention inside each document of a batch, [batch, length, heads, head_dim] each; returns
    [batch, length, heads * head_dim].

    Document by document nothing is computed between documents nor from the future, as it is under a mask.
    """
    documents = zip(*(t.flatten(0, 1).split(lengths) for t in (q, k, v)), strict=True)
    heads_first = ([t.transpose(0, 1)[None] for t in document] for document in documents)
    seen = [F.scaled_dot_product_attention(*document, is_causal=True) for document in heads_first]
    return torch.cat([one[0].transpose(0, 1) for one in seen]).view(q.shape).flatten(2)


class MLP(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Attention, then the MLP, each on a normed copy added back."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.input_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.mlp = MLP(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, lengths: list[int]) -> Tensor:
        return self.after(x, attend(*self.before(x, cos, sin), lengths))

    def before(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.self_attn(self.input_layernorm(x), cos, sin)

    def after(self, x: Tensor, seen: Tensor) -> Tensor:
        x = x + self.self_attn.o_proj(seen)
        return x + self.mlp(self.post_attention_layernorm(x))

    def compile_around_attention(self) -> None:
        """Compile what meets few shapes; the documents' lengths change with every step. Layers that are alike share
        one compiled body a shape."""
        self.before = torch.compile(self.before, dynamic=False)
        self.after = torch.compile(self.after, dynamic=False)


class Trunk(nn.Module):
    """Token ids to the last hidden states: everything but the output head."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.num_hidden_layers))
        self.norm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        cos, sin = rotary(shape.max_position_embeddings, shape.head_dim, shape.rope_theta)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids: Tensor, lengths: list[int] | None = None) -> Tensor:
        x = self.embed_tokens(ids)
        rows, length = ids.shape
        lengths = lengths or [length] * rows
        cos, sin = self.cos[:length, None], self.sin[:length, None]
        for layer in self.layers:
            x = layer(x, cos, sin, lengths)
        return self.norm(x)


class Transformer(nn.Module):
    """The trunk and its output head (tied to the embedding, or a matrix of its own)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.model = Trunk(shape)
        self.lm_head = nn.Linear(shape.hidden_size, shape.vocab_size, bias=False)
        self.apply(_initialise)
        for layer in self.model.layers:
            nn.init.zeros_(layer.self_attn.o_proj.weight)
            nn.init.zeros_(layer.mlp.down_proj.weight)
        if shape.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, ids: Tensor, lengths: list[int] | None = None) -> Tensor:
        """Logits [batch, length, vocab] for ids [batch, length]; `lengths` are those of the documents in it, one after
        the other (document_lengths), or each row is one."""
        return self.lm_head(self.model(ids, lengths))

    def loss(self, ids: Tensor, targets: Tensor, weights: Tensor, lengths: list[int] | None = None) -> Tensor:
        """Summed cross-entropy in nats over the positions of weight > 0; the head is computed only for those."""
        chosen = weights > 0
        logits = self.lm_head(self.model(ids, lengths)[chosen]).float()
        losses = F.cross_entropy(logits, targets[chosen], reduction="none")
        return (losses * weights[chosen]).sum()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)


@torch.no_grad()
def copying_start(model: Transformer, sharpness: float = 2.0, written: float = 0.1, copied: float = 0.6) -> None:
    """Set new weights such that the first two layers already copy: what stood after the present token is said again.

    The circuit that training finds late and all at once (Olsson et al. 2022, induction heads), written down in one head
    of each: the first looks one position back by rotary phase alone and writes that token into the other half of the
    width; the second looks for places where it equals the present token and adds what stands there. All other heads
    begin at random: with every head written alike, training did not find the matches of several tokens that a look-up
    needs. Everything stays trainable.
    """
    shape = model.shape
    half, head = shape.hidden_size // 2, shape.head_dim
    rows = torch.arange(min(head, half - 1))
    here, there = rows + 1, half + rows + 1  # the parts of the width that tell the present token and the one before
    tokens = model.model.embed_tokens.weight
    tokens[:, 0] = 0.5  # alike in every token, so that a query can be the same everywhere
    tokens[:, there] *= 0.25
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    for attention in (first, second):
        for matrix in (attention.q_proj.weight, attention.k_proj.weight):
            nn.init.normal_(matrix[:head], std=0.01)
        for norm in (attention.q_norm, attention.k_norm):
            nn.init.constant_(norm.weight, sharpness)
        attention.v_proj.weight[:head] = 0
        attention.v_proj.weight[rows, here] = 1
    first.q_proj.weight[:head, 0], first.k_proj.weight[:head, 0] = _one_back(shape)
    first.o_proj.weight[there, rows] = written
    second.o_proj.weight[here, rows] = copied
    slow = torch.arange(head).view(2, 2, -1)[:, 1].flatten()  # the pairs that hardly turn within some hundred positions
    same = torch.randn(len(slow), len(rows)) * len(rows) ** -0.5
    second.q_proj.weight[slow[:, None], here] = same
    second.k_proj.weight[slow[:, None], there] = same


def _one_back(shape: Shape) -> tuple[Tensor, Tensor]:
    """A query and a key, the same at every position, that agree most where the key stands one position earlier."""
    cos, sin = (table[1, : shape.head_dim // 2] for table in rotary(2, shape.head_dim, shape.rope_theta))
    strength = torch.zeros(shape.head_dim // 2)
    strength[:5] = torch.tensor([0.35, 0.25, 0.2, 0.1, 0.1]).sqrt()  # of the fastest pairs
    return torch.cat((strength, torch.zeros_like(strength))), torch.cat((strength * cos, strength * sin))


def document_lengths(documents: Tensor) -> list[int]:
    """How many tokens each document of packed rows has, row after row, from the documents' numbers [batch, length]."""
    rows = torch.arange(len(documents), device=documents.device)[:, None] * (documents.max() + 1)
    return (rows + documents).flatten().unique_consecutive(return_counts=True)[1].tolist()


def deepened(model: Transformer, layers: int) -> Transformer:
    """The same function with more layers among the old ones: a new layer adds nothing until it has learnt to.

    After Net2Net (Chen et al. 2016).
    """
    grown = Transformer(replace(model.shape, num_hidden_layers=layers))
    old = len(model.model.layers)
    places = {round((i + 1) * layers / old) - 1: i for i in range(old)}
    kept = {name: value for name, value in model.state_dict().items() if ".layers." not in name}
    for place, i in places.items():
        for name, value in model.model.layers[i].state_dict().items():
            kept[f"model.layers.{place}.{name}"] = value
    grown.load_state_dict(kept, strict=False)
    return grown
