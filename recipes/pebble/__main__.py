# ruff: noqa: E501
"""Build Pebble from nothing: ``python -m recipes.pebble``; ``--smoke`` walks the same way in two minutes.

Six steps, skipped when their result is there already: tokenizer, lessons, training (twice, see ``Course``), preference tuning, export, scorecard.
``README.md`` tells why.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from recipes.pebble import card, data, export, in_lessons, preference, shared, tokenizer
from recipes.pebble.serving import served

ROOT = Path(__file__).resolve().parents[2]
SHAPE = {"vocab_size": 4096, "hidden_size": 128, "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
         "intermediate_size": 352, "max_position_embeddings": 2048, "rope_theta": 1e6}  # fmt: skip
TINY = {**SHAPE, "vocab_size": 1024, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}  # fmt: skip


@dataclass
class Course:
    """Lessons, in folder ``NAME-lessons``, and a training on them, in ``NAME``; ``settings`` are those of ``outcrop.training.pretrain``."""

    name: str
    first: int  # number of the first shard
    settings: dict


@dataclass
class Build:
    """The dials. The number of tokens is the one that matters; everything else was chosen for two cores and two hours."""

    work: Path = ROOT / ".pebble" / "build"
    tokens: float = 44e6  # of lessons, each met once
    last: float = 8e6  # of ``data.LAST``, after them
    minutes: float = 0.0  # of training at most; 0 means until the lessons end
    shard: float = 5e5
    processes: int = 2
    items: int = 200
    smoke: bool = False

    @property
    def shape(self) -> dict:
        return TINY if self.smoke else SHAPE

    @property
    def step(self) -> int:
        return 2048 if self.smoke else data.STEP

    @property
    def courses(self) -> list[Course]:
        """From weights that can copy, at a rate that falls to nothing; then, from half of that rate, to nothing again."""
        pace = {"log_steps": 1, "warmup_steps": 5} if self.smoke else {"compile": True}
        main = {"tokens": self.tokens, "minutes": self.minutes, "copying": True, "warmup_steps": 100, "matrix_lr": 0.02, "decay": 0.85}  # fmt: skip
        last = {"tokens": self.last, "start_from": self.work / "main" / "model", "warmup_steps": 50, "matrix_lr": 0.01, "other_lr": 1.5e-3, "decay": 1.0}  # fmt: skip
        return [Course("main", 0, main | pace), Course("last", data.LAST_SEED, last | pace)]

    @property
    def preference(self) -> preference.Settings:
        return preference.Settings(questions=1, minutes=0.05) if self.smoke else preference.Settings()

    @property
    def tokenizer(self) -> Path:
        return self.work / "tokenizer" / "tokenizer.json"


def make_tokenizer(build: Build) -> None:
    """4,096 tokens learnt from the lessons and, where they are at hand, human texts."""
    if not build.tokenizer.exists():
        texts = list(data.texts(1, 600 if build.smoke else 9000))
        texts += [record["question"] + "\n" + record["answer"] for record in shared.stories_of_numbers()]
        texts += ["\n".join(turn[1] for turn in turns) for turns in shared.dialogues()]
        texts += shared.harmful() + shared.beyond()
        spaced = 150 if build.smoke else 900
        tokenizer.save(tokenizer.train(texts, build.shape["vocab_size"], spaced), build.tokenizer.parent)


def write_lessons(build: Build, course: Course) -> Path:
    """Shards of lessons, each a function of its number; a core each."""
    folder = build.work / f"{course.name}-lessons"
    done = folder / "complete"
    if not done.exists():
        count = max(2, round(course.settings["tokens"] / build.shard))
        with get_context("spawn").Pool(build.processes) as pool:
            one = partial(data.build_by_name, build.tokenizer, folder, int(build.shard), build.step)
            for told in pool.imap(one, range(course.first, course.first + count)):
                print(told, flush=True)
        done.touch()
    return folder


def train(build: Build, course: Course) -> Path:
    """Hand over to ``outcrop.training.pretrain`` in processes of their own; goes on where it was stopped."""
    job = build.work / course.name
    if not (job / "model" / "config.json").exists():
        lessons = write_lessons(build, course)
        shape = build.work / "shape.json"
        shape.write_text(json.dumps(build.shape))
        settings = {
            "data": lessons,
            "tokenizer": build.tokenizer,
            "shape": shape,
            "threads": 1,
            "step_tokens": build.step,
            **course.settings,
        }
        flags = [part for name, value in settings.items() for part in ("--" + name.replace("_", "-"), str(value))]
        launcher = (
            ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(build.processes)]
            if build.processes > 1
            else []
        )
        subprocess.run(
            [sys.executable, *launcher, "-m", "outcrop.training.pretrain", str(job), *flags],
            check=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
                "OMP_NUM_THREADS": "1",
                "OMP_WAIT_POLICY": "PASSIVE",
            },
        )
    return job / "model"


def prefer(build: Build, model: Path) -> Path:
    """The file that ships: tuned on the model's own mistakes, if lessons not met before say that this is better."""
    before = export.gguf(model, build.work / "trained.gguf")
    tuned = build.work / "preferred"
    if not (tuned / "config.json").exists():
        preference.folder(model, before, tuned, build.preference)
    after = export.gguf(tuned, build.work / "preferred.gguf")
    scores = {gguf: in_lessons.score(gguf, 1 if build.smoke else 20) for gguf in (before, after)}
    print(
        f"lessons answered right: {scores[before]:.1f} % before preference tuning, {scores[after]:.1f} % after",
        flush=True,
    )
    return max((before, after), key=scores.__getitem__)


def check_smoke(build: Build, gguf: Path) -> None:
    """The loss fell, and the file answers."""
    losses = [json.loads(line)["loss"] for line in (build.work / "main" / "progress.jsonl").read_text().splitlines()]
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
    parser.add_argument("--minutes", type=float, help="training time at most")
    parser.add_argument("--tokens", type=float, help="tokens of lessons")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--ship", action="store_true", help="put the result into src/outcrop/models")
    given = vars(parser.parse_args(argv))
    ship = given.pop("ship")
    small = (
        {"work": ROOT / ".pebble" / "smoke", "tokens": 1.6e5, "last": 4e4, "shard": 4e4, "processes": 1}
        if given["smoke"]
        else {}
    )
    build = Build(**{**small, **{k: v for k, v in given.items() if v is not None}})
    make_tokenizer(build)
    trained = [train(build, course) for course in build.courses]
    gguf = prefer(build, export.averaged(trained, build.work / "pebble"))
    if build.smoke:
        return check_smoke(build, gguf)
    figures = card.measure(gguf, build.items, build.work / "scorecard.json")
    if ship:
        card.ship(gguf, figures, build.work, ROOT / "src" / "outcrop" / "models")


if __name__ == "__main__":
    main()
