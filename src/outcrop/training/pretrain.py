"""Pre-training from nothing: ``python -m outcrop.training.pretrain JOB --data FOLDER``, resumable at any step.

Knows nothing of the service or of what the text says. A job is a folder: ``job.json`` in (optional, the settings
below), ``progress.jsonl``, ``checkpoint.pt`` and the finished ``model/`` out. SIGTERM saves and leaves; the same
command goes on. Several processes (``torchrun --nproc-per-node N -m outcrop.training.pretrain ...``, or ``accelerate
launch``) share every step's rows; each holds the whole model.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

os.environ.setdefault(
    "OMP_WAIT_POLICY", "PASSIVE"
)  # before torch: spinning threads starve their neighbours on shared cores

import numpy as np
import torch
import torch.distributed as dist

from outcrop.training import hub_folder, packing
from outcrop.training.muon import optimisers
from outcrop.training.network import Shape, Transformer, copying_start, deepened, document_lengths


@dataclass
class Settings:
    """What a job can set; the unit is in the name or beside it."""

    data: str = ""  # shards (*.npy), or a folder or file of .txt, .md, .jsonl
    tokenizer: str = ""  # a tokenizer.json: needed for raw text, copied into the model folder
    depth: int = 6  # layers; the one dial for size (network.Shape.of_depth)
    shape: str = ""  # a config.json that fixes every number instead
    start_from: str = ""  # a model folder to go on from, in place of random weights; a larger depth adds layers to it
    copying: bool = False  # begin with weights that can copy (network.copying_start) in place of random ones
    row_tokens: int = 512  # length of a packed row, for raw text
    tokens: float = 1e7  # where the schedule ends, whichever of the two comes first
    minutes: float = 0.0  # training time over all resumptions; 0 means no limit
    step_tokens: int = 4096
    micro_tokens: int = 4096  # tokens in one forward pass of one process
    matrix_lr: float = 0.02
    other_lr: float = 3e-3
    warmup_steps: int = 20
    decay: float = 0.33  # the last part of the schedule, linear to nothing
    clip: float = 1.0
    save_seconds: float = 120.0
    log_steps: int = 10
    threads: int = 0  # CPU threads of one process; 0 leaves torch's choice
    compile: bool = False
    bf16: str = "auto"  # auto: on CUDA, and on CPUs with bf16 matrix units
    seed: int = 0


@dataclass
class Position:
    """Where a job stands; saved in every checkpoint."""

    step: int = 0
    cursor: int = 0  # step within the data, counted from the first shard
    tokens: int = 0
    seconds: float = 0.0
    data: str = ""


class Job:
    """One training run: ``run`` is the loop, the rest are its parts."""

    def __init__(self, folder: Path, settings: Settings):
        self.folder, self.settings = folder, settings
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.device = _device()
        _set_up(settings, self.device, self.world)
        self.shards = packing.Shards(
            _shard_folder(folder, settings, self.rank, self.world), settings.step_tokens, settings.seed
        )
        self.position = Position(data=settings.data)
        self.model = self._new_model().to(self.device)
        self.optimisers = optimisers(self.model, settings.matrix_lr, settings.other_lr)
        self.bf16 = _wants_bf16(settings.bf16, self.device)
        self.stopping = False
        self._load()
        if settings.compile:
            for layer in self.model.model.layers:
                layer.compile_around_attention()

    def run(self) -> None:
        """Train until the schedule ends or SIGTERM arrives."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))
        started, earlier, saved = time.monotonic(), self.position.seconds, time.monotonic()
        losses: list[float] = []
        stop = False
        while self._progress() < 1 and not stop:
            loss, stop = self._step()
            losses.append(loss)
            self.position.seconds = self._agree(earlier + time.monotonic() - started)
            if self.position.step % self.settings.log_steps == 0:
                self._log(float(np.mean(losses)), started, earlier)
                losses.clear()
            if time.monotonic() - saved > self.settings.save_seconds:
                self._save()
                saved = time.monotonic()
        self._save()
        if not stop:
            self._finish()

    def _step(self) -> tuple[float, bool]:
        """One optimiser step over one step's rows; returns mean loss in nats and whether anyone wants to stop."""
        rows = self.shards.step(self.position.cursor)
        total = float((rows[2, :, 1:] * (rows[0, :, 1:] > 0)).sum()) or 1.0
        mine = rows[:, self.rank :: self.world]
        per_pass = max(1, self.settings.micro_tokens // (rows.shape[2] - 1))
        loss = sum(self._pass(mine[:, i : i + per_pass], total) for i in range(0, mine.shape[1], per_pass))
        loss, stop = self._share(loss)
        self._update()
        self.position.step += 1
        self.position.cursor += 1
        self.position.tokens += int((rows[1, :, 1:] > 0).sum())
        return loss, stop

    def _pass(self, rows: np.ndarray, total: float) -> float:
        """Forward and backward over [3, rows, length + 1]; gradients are of the sum over ``total`` weights."""
        ids, documents, weights = torch.from_numpy(rows).to(self.device)
        same = documents[:, 1:] == documents[:, :-1]
        weights = weights[:, 1:] * same * (documents[:, 1:] > 0)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            lengths = document_lengths(documents[:, :-1])
            loss = self.model.loss(ids[:, :-1], ids[:, 1:], weights.float(), lengths) / total
        loss.backward()
        return loss.item()

    def _share(self, loss: float) -> tuple[float, bool]:
        """Sum gradients, loss and the wish to stop over the processes, in one message."""
        if self.world == 1:
            return loss, self.stopping
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.model.parameters()]
        flat = torch.cat(
            [g.reshape(-1) for g in gradients] + [torch.tensor([loss, float(self.stopping)], device=self.device)]
        )
        dist.all_reduce(flat)
        pieces = flat[:-2].split([g.numel() for g in gradients])
        for p, piece in zip(self.model.parameters(), pieces, strict=True):
            p.grad = piece.view_as(p)
        return flat[-2].item(), flat[-1].item() > 0

    def _agree(self, seconds: float) -> float:
        """The first process's clock, for all: the schedule must not differ between them."""
        if self.world == 1:
            return seconds
        clock = torch.tensor(seconds, dtype=torch.float64)
        if self.device.type == "cuda":
            clock = clock.to(self.device)
        dist.broadcast(clock, 0)
        return clock.item()

    def _update(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        factor = rate(self._progress(), self.position.step, self.settings.warmup_steps, self.settings.decay)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak_lr"] * factor
            optimiser.step()
            optimiser.zero_grad()

    def _progress(self) -> float:
        """How much of the schedule is behind us, 0 to 1."""
        limit = self.settings.minutes * 60
        return max(self.position.tokens / self.settings.tokens, self.position.seconds / limit if limit else 0.0)

    def _log(self, loss: float, started: float, earlier: float) -> None:
        if self.rank:
            return
        speed = (self.position.tokens - self._first_tokens) / max(self.position.seconds - earlier, 1e-9)
        line = {
            "step": self.position.step,
            "tokens": self.position.tokens,
            "loss": round(loss, 4),
            "tokens_per_second": round(speed),
            "seconds": round(self.position.seconds, 1),
            "progress": round(self._progress(), 4),
        }
        with (self.folder / "progress.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)

    def _new_model(self) -> Transformer:
        torch.manual_seed(self.settings.seed)
        if self.settings.start_from:
            found = hub_folder.load(Path(self.settings.start_from))
            more = self.settings.depth > found.shape.num_hidden_layers and not self.settings.shape
            return deepened(found, self.settings.depth) if more else found
        made = Transformer(_shape(self.settings))
        if self.settings.copying:
            copying_start(made)
        return made

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def _save(self) -> None:
        """Write the checkpoint beside the old one, then put it in its place: there is always a whole one."""
        if self.rank:
            return
        state = {
            "model": self.model.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "position": asdict(self.position),
        }
        half = self._checkpoint.with_suffix(".half")
        torch.save(state, half)
        half.replace(self._checkpoint)

    def _load(self) -> None:
        if self._checkpoint.exists():
            state = torch.load(self._checkpoint, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
                peaks = [group["peak_lr"] for group in optimiser.param_groups]
                optimiser.load_state_dict(saved)
                for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                    group["peak_lr"] = peak
            self.position = Position(**state["position"])
            if self.position.data != self.settings.data:  # other data: start at its beginning
                self.position.data, self.position.cursor = self.settings.data, 0
        self._first_tokens = self.position.tokens

    def _finish(self) -> None:
        if self.rank == 0:
            end, pad = _ends(self.settings)
            save_model(self.model, self.folder / "model", self.settings.tokenizer, end, pad)


def rate(progress: float, step: int, warmup: int, decay: float) -> float:
    """Warm-up by steps, then constant, then linear to nothing over the last ``decay`` of the schedule."""
    falling = (1 - progress) / decay if decay else 1.0
    return max(0.0, min(1.0, (step + 1) / max(warmup, 1), falling))


def save_model(model: Transformer, folder: Path, tokenizer: str, end: int, pad: int) -> None:
    """A Hugging Face folder, with whatever lies beside the tokenizer (its configuration, a chat template)."""
    hub_folder.save(model, folder, end, pad)
    for path in Path(tokenizer).parent.iterdir() if tokenizer else ():
        if path.name.startswith(("tokenizer", "chat_template", "special_tokens")):
            (folder / path.name).write_bytes(path.read_bytes())


def _device() -> torch.device:
    return (
        torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else torch.device("cpu")
    )


def _set_up(settings: Settings, device: torch.device, world: int) -> None:
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
    elif world > 1:
        _keep_to_own_cores()
    if world > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def _keep_to_own_cores() -> None:
    """Take this process's share of the machine's cores: one that moves between them takes a quarter longer a step."""
    mine, count = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) >= count:
        os.sched_setaffinity(0, cores[mine % count :: count])


def _wants_bf16(setting: str, device: torch.device) -> bool:
    if setting != "auto":
        return setting == "on"
    return device.type == "cuda" or torch.cpu._is_amx_tile_supported()


def _shape(settings: Settings) -> Shape:
    if settings.shape:
        return Shape(**json.loads(Path(settings.shape).read_text()))
    return Shape.of_depth(settings.depth, _tokenizer(settings).get_vocab_size())


def _tokenizer(settings: Settings):
    from tokenizers import Tokenizer

    return Tokenizer.from_file(settings.tokenizer)


def _ends(settings: Settings) -> tuple[int, int]:
    """The tokens that end a turn and that pad; 0 where there is no tokenizer."""
    if not settings.tokenizer:
        return 0, 0
    found = [_tokenizer(settings).token_to_id(t) for t in ("<|im_end|>", "<|endoftext|>", "</s>", "<eos>")]
    known = [f for f in found if f is not None] or [0]
    return known[0], known[min(1, len(known) - 1)]


def _shard_folder(folder: Path, settings: Settings, rank: int, world: int) -> Path:
    """The data as shards: as given, or raw text tokenised and packed once into the job's folder."""
    data = Path(settings.data)
    if data.is_dir() and any(data.glob("*.npy")):
        return data
    packed = folder / "shards"
    if rank == 0 and not packed.exists():
        if not settings.tokenizer:
            raise SystemExit(
                f"{data} holds no shards (*.npy); to pack its text, name a tokenizer.json with --tokenizer"
            )
        packing.pack_texts(
            packing.read_texts(data), _tokenizer(settings), folder / "packing", settings.row_tokens, _ends(settings)[1]
        )
        (folder / "packing").rename(packed)
    if world > 1:
        dist.barrier()
    return packed


def read_settings(argv: list[str] | None = None) -> tuple[Path, Settings]:
    """The job's folder and its settings: the defaults, then ``job.json``, then the command line."""
    parser = argparse.ArgumentParser(description="Pre-train a model from nothing.")
    parser.add_argument("job", type=Path)
    for f in fields(Settings):
        kind = {"int": int, "float": float, "bool": lambda s: s.lower() in ("1", "true", "yes")}.get(str(f.type), str)
        parser.add_argument("--" + f.name.replace("_", "-"), type=kind, default=None)
    given = vars(parser.parse_args(argv))
    folder: Path = given.pop("job")
    folder.mkdir(parents=True, exist_ok=True)
    job = folder / "job.json"
    stored = json.loads(job.read_text()) if job.exists() else {}
    return folder, Settings(**{**stored, **{k: v for k, v in given.items() if v is not None}})


def main(argv: list[str] | None = None) -> None:
    Job(*read_settings(argv)).run()
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
