"""Row `training`: tokens a second of our supervised fine-tuning against TRL's own example with the same settings.

The same model, conversations, LoRA shape, batch, learning rate and checkpoints; turns are taken in changing order, and
the ratio is the median over pairs. Needs `outcrop[train]`: in this environment, or in the Python that BENCH_TRAINING
names.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from .table import Row

PAIRS, TARGET = 3, 1.0
EXAMPLES, EPOCHS, BATCH, RATE = 240, 2, 8, 1e-3
MODEL = Path(__file__).parent.parent / "src" / "outcrop" / "models" / "pebble-v1.gguf"

UNPACK = """
import sys
from outcrop.training import base
model, tokenizer = base.load({"source": sys.argv[1]})
model.save_pretrained(sys.argv[2]); tokenizer.save_pretrained(sys.argv[2])
"""
"""The packaged model as a Hugging Face folder, which both begin with."""

SETTINGS = """
import json, sys
from pathlib import Path
from outcrop import hyperparameters
from outcrop.training import harness
h = hyperparameters.read("FINE_TUNING", json.loads(sys.argv[1]))
lora = harness.lora(h)
print(json.dumps({"arguments": harness.settings(Path(sys.argv[2]), h, int(sys.argv[3]), "sft"),
                  "lora": {"r": lora.r, "lora_alpha": lora.lora_alpha, "target_modules": "all-linear",
                           "task_type": "CAUSAL_LM"}}))
"""
"""What our script gives TRL, for the peer to be given the same."""


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        return _run(Path(name))


def _run(folder: Path) -> list[Row]:
    model = folder / "hf"
    _python("-c", UNPACK, str(MODEL), str(model))
    pairs = [_pair(folder / str(n), model, ours_first=n % 2 == 0) for n in range(PAIRS)]
    ratio = median(ours["tokens_per_s"] / plain["tokens_per_s"] for ours, plain in pairs)
    ours, plain = (median(side["tokens_per_s"] for side in sides) for sides in zip(*pairs, strict=True))
    note = f"LoRA on Pebble, {EXAMPLES} conversations, {EPOCHS} epochs, batch {BATCH}"
    data = {"pairs": pairs}
    return [
        Row("training", "our fine-tuning, tokens/s over plain TRL's", ratio, "", TARGET, note=note, data=data),
        Row("training", "our fine-tuning", ours, "tokens/s"),
        Row("training", "plain TRL", plain, "tokens/s"),
    ]


def _pair(folder: Path, model: Path, ours_first: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ours and the peer's, one after the other."""
    folder.mkdir()
    if ours_first:
        return _ours(folder / "ours", model), _plain(folder / "plain", model)
    plain = _plain(folder / "plain", model)
    return _ours(folder / "ours", model), plain


def _ours(folder: Path, model: Path) -> dict[str, Any]:
    """One whole job; the rate that its last step reports."""
    folder.mkdir()
    _write(folder / "train.jsonl", [{"prompt": asked, "completion": said} for asked, said in _conversations()])
    order = {
        "method": "FINE_TUNING", "base": {"folder": str(model)}, "train": "train.jsonl", "validation": [],
        "hyperparameters": _hyperparameters(), "niceness": 0,
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(order))
    _python("-m", "outcrop.training.worker", str(folder))
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    last = [event for event in events if "loss" in event][-1]
    return {name: last[name] for name in ("tokens", "tokens_per_s", "loss")}


def _plain(folder: Path, model: Path) -> dict[str, Any]:
    folder.mkdir()
    _write(folder / "plain.jsonl", [_turns(asked, said) for asked, said in _conversations()])
    given = json.loads(_python("-c", SETTINGS, json.dumps(_hyperparameters()), str(folder), str(EXAMPLES)))
    (folder / "plain.json").write_text(json.dumps({"model": str(model), **given}))
    return json.loads(_python("-m", "bench.plain_trl", str(folder)))


def _turns(asked: str, said: str) -> dict[str, Any]:
    prompt, answer = {"role": "user", "content": asked}, {"role": "assistant", "content": said}
    return {"prompt": [prompt], "completion": [answer]}


def _hyperparameters() -> dict[str, str]:
    return {"epochCount": str(EPOCHS), "batchSize": str(BATCH), "learningRate": str(RATE)}


def _conversations() -> list[tuple[str, str]]:
    """Questions and answers of uneven lengths, the same each time."""
    draw = random.Random(0)
    words = "stone river cloud ember field north harbour lamp winter seed".split()  # noqa: SIM905
    return [tuple(" ".join(draw.choices(words, k=draw.randint(5, 60))) for _ in range(2)) for _ in range(EXAMPLES)]  # type: ignore[misc]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _python(*arguments: str) -> str:
    """The last JSON line of a child of the training environment. Its stdin stays open: a worker ends with it."""
    child = subprocess.Popen(
        [os.environ.get("BENCH_TRAINING", sys.executable), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"},
    )
    assert child.stdout
    with child:
        out = child.stdout.read()
    if child.returncode:
        raise RuntimeError(f"{arguments[:2]} ended with {child.returncode}: {out[-2000:]}")
    return next((line for line in reversed(out.splitlines()) if line.startswith("{")), "")
