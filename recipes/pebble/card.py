# ruff: noqa: E501
"""What ships with the weights: the scorecard measured through the service, and the two cards written from it.

Knows nothing of how the model was made beyond the files the build left behind.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from recipes.pebble import serving

from outcrop.evaluation.pebble import asking, rows, scorecard

NOTES = Path(__file__).parent / "card.md"


def measure(gguf: Path, items: int, out: Path) -> dict:
    """The scorecard of a file through the Converse API, printed and kept as JSON beside every reply."""
    replies: list = []
    anyone = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    with serving.service(gguf) as url:
        figures = scorecard.run(asking.converse(url, serving.ID, **anyone), list(rows.ROWS), items, keep=replies)
    print(scorecard.table(figures))
    out.write_text(json.dumps(figures, indent=1))
    out.with_suffix(".replies.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in replies))
    return figures


def ship(gguf: Path, figures: dict, work: Path, models: Path, notes: str = "") -> None:
    """Put the file and its cards into the package; ``work`` holds the jobs that made it, ``notes`` go below the scorecard."""
    models.mkdir(parents=True, exist_ok=True)
    target = models / "pebble-v1.gguf"
    shutil.copyfile(gguf, target)
    facts = {
        "id": "outcrop.pebble-v1",
        "name": "Pebble v1",
        "provider": "Outcrop",
        "source": target.name,
        "context_length": 2048,
        "parameters": count_parameters(work / "last" / "model"),
        "size_bytes": target.stat().st_size,
        "input_modalities": ["TEXT"],
        "output_modalities": ["TEXT"],
        "tools": True,
        "reasoning": True,
        "system": True,
        "streaming": True,
        "architecture": "qwen3",
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
        "scorecard": figures,
    }
    (models / "pebble-v1.json").write_text(json.dumps(facts, indent=1) + "\n")
    blanks = {
        "scorecard": scorecard.table(figures),
        "notes": notes,
        "compute": compute(work / "main", work / "last"),
        "parameters": f"{facts['parameters'] / 1e6:.2f}",
        "size": f"{facts['size_bytes'] / 1e6:.1f}",
        "seed": str(figures.get("seed", 2026)),
    }
    text = NOTES.read_text()
    for name, value in blanks.items():
        text = text.replace("{" + name + "}", value)
    (models / "pebble-v1.md").write_text(text)


def compute(*jobs: Path) -> str:
    """What the training took, job by job and in all, from their own logs."""
    lasts = [json.loads((job / "progress.jsonl").read_text().splitlines()[-1]) for job in jobs]
    told = [
        f"{last['tokens'] / 1e6:.1f} million tokens in {last['step']:,} steps and {last['seconds'] / 60:.0f} minutes of training, the last loss {last['loss']:.2f} nats a token"
        for last in lasts
    ]
    return f"`make pebble`: {'; then '.join(told)}: {sum(last['tokens'] for last in lasts) / 1e6:.1f} million tokens in all."


def count_parameters(model: Path) -> int:
    """The numbers in a model folder."""
    from safetensors import safe_open

    with safe_open(model / "model.safetensors", "pt") as tensors:
        return sum(tensors.get_tensor(name).numel() for name in tensors.keys())  # noqa: SIM118 (not a dict)
