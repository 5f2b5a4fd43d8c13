# ruff: noqa: E501
"""Which weights to begin with: ``python -m recipes.pebble.beginnings TOKENIZER FOLDER`` trains a little from each and asks for look-ups and for all lessons.

A table like that of chapter 4, after 1.2 million tokens each. It takes half an hour on one core; lessons and models stay in FOLDER.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from recipes.pebble import data
from recipes.pebble.__main__ import SHAPE
from recipes.pebble.chat import LEARN
from tokenizers import Tokenizer

from outcrop.training.hub_folder import load
from outcrop.training.network import document_lengths
from outcrop.training.packing import Shards
from outcrop.training.pretrain import Job, Settings

TOKENS, HELD_OUT = 1_200_000, 150_000
LOOK_UPS: data.Shares = {data.copying.many_look_ups: 1.0, data.copying.long_table: 1.0}
BEGINNINGS = {
    "copying, turns to 10^6, drilled": {"copying": True, "rope_theta": 1e6, "drilled": True},
    "copying, turns to 10^6": {"copying": True, "rope_theta": 1e6, "drilled": False},
    "copying, turns to 10^4, drilled": {"copying": True, "rope_theta": 1e4, "drilled": True},
    "random, turns to 10^6, drilled": {"copying": False, "rope_theta": 1e6, "drilled": True},
}


def lessons(
    tokenizer: Tokenizer, folder: Path, seeds: list[int], tokens: int, shares: data.Shares | None = None
) -> Path:
    """Shards of the recipe's lessons, or of others; a folder is there whole or not at all."""
    if not folder.exists():
        half = folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        for seed in seeds:
            data.build(tokenizer, seed, tokens, half, shares=shares)
        half.rename(folder)
    return folder


@torch.no_grad()
def asked(model: Path, shards: Path) -> tuple[float, float]:
    """Nats a token and per cent of tokens right, over what is learnt with full weight in all of the shards."""
    network, held = load(model), Shards(shards, data.STEP)
    nats, right, count = 0.0, 0, 0
    for step in range(len(held)):
        ids, documents, weights = torch.from_numpy(held.step(step))
        same = (documents[:, 1:] == documents[:, :-1]) & (documents[:, 1:] > 0)
        chosen = (weights[:, 1:] == LEARN) & same
        logits = network(ids[:, :-1], document_lengths(documents[:, :-1]))[chosen]
        wanted = ids[:, 1:][chosen]
        nats += torch.nn.functional.cross_entropy(logits, wanted, reduction="sum").item()
        right += int((logits.argmax(-1) == wanted).sum())
        count += len(wanted)
    return nats / count, 100 * right / count


def main(tokenizer: str, folder: str) -> None:
    torch.set_num_threads(1)
    work, pieces = Path(folder), Tokenizer.from_file(tokenizer)
    held = {
        "look-ups": lessons(pieces, work / "look-ups", [77_002], HELD_OUT, LOOK_UPS),
        "all lessons": lessons(pieces, work / "held-out", [77_001], HELD_OUT),
    }
    for name, beginning in BEGINNINGS.items():
        plain = [data.DRILLED, data.DRILLED + 1, data.DRILLED + 2]
        seeds, kind = ([0, *plain[:2]], "drilled") if beginning["drilled"] else (plain, "plain")
        shards = lessons(pieces, work / kind, seeds, TOKENS // 2)
        job = work / name.replace(", ", "-").replace(" ", "-").replace("^", "")
        job.mkdir(parents=True, exist_ok=True)
        (job / "shape.json").write_text(json.dumps({**SHAPE, "rope_theta": beginning["rope_theta"]}))
        settings = Settings(
            data=str(shards), tokenizer=tokenizer, shape=str(job / "shape.json"), copying=beginning["copying"],
            tokens=TOKENS, decay=0.4, warmup_steps=50, threads=1, step_tokens=data.STEP,
        )  # fmt: skip
        Job(job, settings).run()
        told = [
            f"{what} {nats:.2f} nats, {right:.0f} %"
            for what, shards in held.items()
            for nats, right in [asked(job / "model", shards)]
        ]
        print(f"{name:32} {'; '.join(told)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
