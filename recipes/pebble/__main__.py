# ruff: noqa: E501
"""Build Pebble from nothing: ``python -m recipes.pebble``; ``--smoke`` walks the same way in two minutes.

Five steps, each skipped when its result is there already: tokenizer, lessons, training, export, scorecard. ``README.md`` tells why.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from recipes.pebble import card, data, export, shared, tokenizer
from recipes.pebble.serving import served
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
SHAPE = {"vocab_size": 4096, "hidden_size": 128, "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
         "intermediate_size": 352, "max_position_embeddings": 2048}  # fmt: skip
TINY = {**SHAPE, "vocab_size": 1024, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}  # fmt: skip


@dataclass
class Build:
    """The dials. Time is the one that matters: everything else was chosen for two cores and less than two hours."""

    work: Path = ROOT / ".pebble" / "build"
    minutes: float = 90.0  # training time; data, export and scorecard take ten more
    tokens: float = 25e6  # lessons written ahead; training starts over on them when it has time for more
    first: float = 0.8e6  # of those, how many in the first lesson
    shard: float = 5e5
    processes: int = 2
    items: int = 200
    smoke: bool = False

    @property
    def shape(self) -> dict:
        return TINY if self.smoke else SHAPE

    @property
    def tokenizer(self) -> Path:
        return self.work / "tokenizer" / "tokenizer.json"

    @property
    def model(self) -> Path:
        return self.work / "job" / "model"


def make_tokenizer(build: Build) -> Tokenizer:
    """4,096 tokens learnt from the lessons and, where they are at hand, human texts."""
    if not build.tokenizer.exists():
        texts = list(data.texts("main", 1, 600 if build.smoke else 9000))
        texts += [record["question"] + "\n" + record["answer"] for record in shared.stories_of_numbers()]
        texts += ["\n".join(turn[1] for turn in turns) for turns in shared.dialogues()]
        texts += shared.harmful() + shared.beyond()
        spaced = 150 if build.smoke else 900
        tokenizer.save(tokenizer.train(texts, build.shape["vocab_size"], spaced), build.tokenizer.parent)
    return Tokenizer.from_file(str(build.tokenizer))


def write_lessons(build: Build, known: Tokenizer) -> Path:
    """Shards in the order they are taught: the first lesson, then the mixture of all."""
    folder = build.work / "lessons"
    done = folder / "complete"
    if not done.exists():
        first = max(1, round(build.first / build.shard))
        for seed in range(max(first + 1, round(build.tokens / build.shard))):
            lesson = "first" if seed < first else "main"
            written = data.build(known, lesson, seed, int(build.shard), folder)
            print(f"lesson {seed} ({lesson}): {written} tokens", flush=True)
        done.touch()
    return folder


def train(build: Build, lessons: Path) -> Path:
    """Hand over to ``outcrop.training.pretrain`` in processes of their own; goes on where it was stopped."""
    if not (build.model / "config.json").exists():
        shape = build.work / "shape.json"
        shape.write_text(json.dumps(build.shape))
        job = [
            str(build.work / "job"),
            "--data",
            str(lessons),
            "--tokenizer",
            str(build.tokenizer),
            "--shape",
            str(shape),
            "--threads",
            "1",
        ]
        limits = (
            ["--tokens", "2e5", "--step-tokens", "2048", "--log-steps", "5"]
            if build.smoke
            else ["--tokens", "1e9", "--minutes", str(build.minutes), "--step-tokens", "8192", "--decay", "0.5"]
        )
        paths = {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        launcher = (
            ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(build.processes)]
            if build.processes > 1
            else []
        )
        subprocess.run(
            [sys.executable, *launcher, "-m", "outcrop.training.pretrain", *job, *limits],
            check=True,
            env={**os.environ, **paths},
        )
    return build.model


def check_smoke(build: Build, gguf: Path) -> None:
    """The loss fell, and the file answers."""
    losses = [json.loads(line)["loss"] for line in (build.work / "job" / "progress.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] * 0.8, f"the loss did not fall: {losses}"
    with served(gguf) as url:
        told = _complete(url)
    assert told["tokens_predicted"] == 8, f"the file does not answer: {told}"
    print(f"smoke: loss {losses[0]} -> {losses[-1]}; the file loads and answers")


def _complete(url: str) -> dict:
    """Eight tokens after a chat turn. The end of the answer is forbidden: so little training may know nothing else."""
    prompt = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    body = json.dumps({"prompt": prompt, "n_predict": 8, "ignore_eos": True}).encode()
    request = urllib.request.Request(f"{url}/completion", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build Pebble from nothing.")
    parser.add_argument("--smoke", action="store_true", help="the whole way with a tiny model, for CI")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--minutes", type=float, help="training time")
    parser.add_argument("--tokens", type=float, help="tokens of lessons")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--ship", action="store_true", help="put the result into src/outcrop/models")
    given = vars(parser.parse_args(argv))
    ship = given.pop("ship")
    small = (
        {"work": ROOT / ".pebble" / "smoke", "tokens": 1.6e5, "first": 4e4, "shard": 4e4, "processes": 1}
        if given["smoke"]
        else {}
    )
    build = Build(**{**small, **{k: v for k, v in given.items() if v is not None}})
    lessons = write_lessons(build, make_tokenizer(build))
    gguf = export.gguf(train(build, lessons), build.work / "pebble-v1.gguf")
    if build.smoke:
        return check_smoke(build, gguf)
    figures = card.measure(gguf, build.items, build.work / "scorecard.json")
    if ship:
        card.ship(gguf, figures, build.work, ROOT / "src" / "outcrop" / "models")


if __name__ == "__main__":
    main()
