# ruff: noqa: E501
"""Preference tuning on the model's own mistakes: where its reply to a lesson is wrong, the right one is made likelier than its own.

``pairs`` lets the model answer lessons it has not met and keeps what it gets wrong; ``tune`` is direct preference optimisation (Rafailov et al.
2023, arXiv 2305.18290) with the likelihood of the right reply beside it, so that the right one does not become rarer as well (Pang et al. 2024,
arXiv 2404.19733). Knows nothing of the scorecard.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from recipes.pebble import in_lessons
from recipes.pebble.serving import served
from tokenizers import Tokenizer
from torch import Tensor

from outcrop.training import hub_folder
from outcrop.training.network import Transformer
from outcrop.training.packing import Document
from outcrop.training.pretrain import save_model

SEED = 8_000_000  # lessons that neither training nor ``in_lessons`` has drawn
LONGEST = 512
Pair = tuple[str, str, str]  # prompt, right reply, the model's own


@dataclass
class Settings:
    """How strongly and how long."""

    questions: int = 22  # a task of average share, asked at temperature 0 and once more at ``warmth``
    warmth: float = 0.7
    minutes: float = 4.0
    pairs_a_step: int = 8
    rate: float = 1e-4
    beta: float = 0.1
    likelihood: float = 1.0  # weight of the right reply's own likelihood
    seed: int = 0


def pairs(gguf: Path, settings: Settings) -> list[Pair]:
    """Prompts with the right reply and a wrong one that the model gave."""
    asked = in_lessons.questions(settings.questions, SEED)
    jobs = [(prompt, right, warmth) for _, prompt, right in asked for warmth in (0.0, settings.warmth)]
    with served(gguf) as url, ThreadPoolExecutor(4) as pool:
        said = pool.map(lambda job: in_lessons.complete(url, job[0], job[2]), jobs)
        found = {(prompt, right, own) for (prompt, right, _), own in zip(jobs, said, strict=True) if own != right}
    return sorted(found)


def tune(model: Transformer, tokenizer: Tokenizer, found: list[Pair], settings: Settings) -> list[float]:
    """Train on the pairs for the minutes given; returns the share of pairs, step by step, whose right reply had become the likelier."""
    encoded = [sides for pair in found if (sides := _encoded(tokenizer, pair))]
    Random(settings.seed).shuffle(encoded)
    batches = [_batch(encoded[i : i + settings.pairs_a_step]) for i in range(0, len(encoded), settings.pairs_a_step)]
    with torch.no_grad():
        before = [_likelihoods(model, *batch) for batch in batches]
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.rate, betas=(0.9, 0.95), weight_decay=0.0)
    began, ranked = time.monotonic(), []
    while batches and (gone := (time.monotonic() - began) / 60 / max(settings.minutes, 1e-9)) < 1:
        place = len(ranked) % len(batches)
        optimiser.param_groups[0]["lr"] = settings.rate * (1 - gone)
        ranked.append(_step(model, optimiser, batches[place], before[place], settings))
    return ranked


def _step(
    model: Transformer, optimiser: torch.optim.Optimizer, batch: tuple, before: Tensor, settings: Settings
) -> float:
    after = _likelihoods(model, *batch)
    margin = _margin(after) - _margin(before)
    tokens = batch[1][::2].sum()
    loss = -F.logsigmoid(settings.beta * margin).mean() - settings.likelihood * after[::2].sum() / tokens
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    optimiser.zero_grad()
    return (margin > 0).float().mean().item()


def _margin(likelihoods: Tensor) -> Tensor:
    return likelihoods[::2] - likelihoods[1::2]


def _encoded(tokenizer: Tokenizer, pair: Pair) -> tuple[Document, Document] | None:
    """Both sides as tokens and whether each is the reply's; none where a side is too long or both are the same."""
    prompt = tokenizer.encode(pair[0], add_special_tokens=False).ids
    replies = [tokenizer.encode(reply + in_lessons.END, add_special_tokens=False).ids for reply in pair[1:]]
    if replies[0] == replies[1] or len(prompt) + max(map(len, replies)) > LONGEST:
        return None
    right, own = ((prompt + reply, [0] * len(prompt) + [1] * len(reply)) for reply in replies)
    return right, own


def _batch(sides: list[tuple[Document, Document]]) -> tuple[Tensor, Tensor]:
    """Ids and weights [2 pairs, length], right and own in turn, padded at the end (which causal attention never looks at)."""
    rows = [side for pair in sides for side in pair]
    longest = max(len(ids) for ids, _ in rows)
    padded = [[part + [0] * (longest - len(part)) for part in row] for row in rows]
    ids, weights = torch.tensor(padded).transpose(0, 1)
    return ids, weights


def _likelihoods(model: Transformer, ids: Tensor, weights: Tensor) -> Tensor:
    """Log-likelihood of every row's reply, in nats."""
    chosen = weights[:, 1:] > 0
    logits = model.lm_head(model.model(ids[:, :-1])[chosen])
    nats = -F.cross_entropy(logits, ids[:, 1:][chosen], reduction="none")
    rows = torch.arange(len(ids))[:, None].expand_as(chosen)[chosen]
    return torch.zeros(len(ids)).index_add(0, rows, nats)


def folder(start: Path, gguf: Path, out: Path, settings: Settings) -> Path:
    """The model of folder ``start`` (served from ``gguf``), tuned, as folder ``out``."""
    tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
    model = hub_folder.load(start)
    found = pairs(gguf, settings)
    ranked = tune(model, tokenizer, found, settings)
    last = ranked[-20:] or [0.0]
    print(
        f"preference: {len(found)} pairs, {len(ranked)} steps, right reply the likelier of its pair in {sum(last) / len(last):.0%}",
        flush=True,
    )
    save_model(model, out, str(start / "tokenizer.json"), *map(tokenizer.token_to_id, ("<|im_end|>", "<|endoftext|>")))
    return out
