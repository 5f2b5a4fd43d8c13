"""What `outcrop jobs ...` prints, and `outcrop models export` writes.

Knows nothing of argument parsing, nor of how jobs run: it reads their records and folders, also while no server runs.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from .columns import columns
from .config import Settings
from .errors import ResourceNotFoundException, ValidationException
from .jobs import CUSTOM_MODEL, JOB, state
from .jobs.folder import JobFolder
from .names import id_in
from .store.files import words
from .store.resources import Resource, Resources

WIDTH = 30
POLL_S = 0.5

FORMATS = {"safetensors": ("adapter", "hf"), "gguf": ("adapter.gguf", "model.gguf")}
"""Format -> what a custom model's folder may hold of it: an adapter, or whole weights."""


async def show_all(resources: Resources) -> None:
    """`jobs list`: the newest first."""
    rows = [("JOB", "STATUS", "TYPE", "MODEL", "CREATED")]
    for job in await resources.list(JOB):
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created / 1000))
        kind, model = job.body["customizationType"], job.body["customModelName"]
        status = "Paused" if state.rests(job.body) else job.body["status"]
        rows.append((job.name or job.id, status, kind, model, made))
    print(columns(rows))


async def show(settings: Settings, resources: Resources, name: str) -> None:
    """`jobs show JOB`: what was asked, how far it is, and where its files lie."""
    job = await find(resources, JOB, name, "model-customization-job")
    folder = _folder(settings, job)
    facts = {
        "job": job.name,
        "arn": job.body["jobArn"],
        "status": "Paused" if state.rests(job.body) else job.body["status"],
        "base": job.body["baseModelArn"],
        "type": job.body["customizationType"],
        "hyperparameters": ", ".join(f"{key}={value}" for key, value in job.body.get("hyperParameters", {}).items()),
        "progress": progress(await asyncio.to_thread(folder.events)),
        "model": job.body.get("outputModelArn"),
        "failure": job.body.get("failureMessage"),
        "folder": folder.path,
    }
    print("\n".join(f"{label:16}{value}" for label, value in facts.items() if value))


async def watch(settings: Settings, resources: Resources, name: str, out: TextIO = sys.stdout) -> int:
    """`jobs watch JOB`: its progress until it ends; 0 for Completed, 1 otherwise."""
    job = await find(resources, JOB, name, "model-customization-job")
    folder, shown = _folder(settings, job), ""
    while True:
        job = await resources.get(JOB, job.id)
        line = progress(await asyncio.to_thread(folder.events)) or "waiting for its turn"
        if line != shown:
            out.write(f"\r\033[K{line}" if out.isatty() else f"{line}\n")
            out.flush()
            shown = line
        if job.body["status"] not in state.UNFINISHED:
            break
        await asyncio.sleep(POLL_S)
    out.write("\n" if out.isatty() else "")
    out.write(
        f"{job.name}: {job.body['status']}. {job.body.get('failureMessage') or job.body.get('outputModelArn', '')}\n"
    )
    return 0 if job.body["status"] == "Completed" else 1


async def stop(resources: Resources, name: str, address: str | None, keys: dict[str, Any]) -> None:
    """`jobs stop JOB`: through the running service at `address`, else so that the next one ends the job."""
    job = await find(resources, JOB, name, "model-customization-job")
    if address is None:
        await resources.change(JOB, job.id, state.stopping)
    else:
        await asyncio.to_thread(_ask_to_stop, job.body["jobArn"], address, keys)
    print(f"{job.name} is asked to stop.")


def _ask_to_stop(arn: str, address: str, keys: dict[str, Any]) -> None:
    import botocore.session

    client = botocore.session.Session().create_client("bedrock", endpoint_url=address, **keys)
    client.stop_model_customization_job(jobIdentifier=arn)


async def export(settings: Settings, resources: Resources, name: str, folder: Path, form: str) -> None:
    """`models export`: the weights of a custom or imported model, which are its owner's, as files."""
    made = await _made(resources, name)
    place = settings.home / f"{made.kind}s" / made.id
    found = next((place / part for part in FORMATS[form] if (place / part).exists()), None)
    if found is None:
        raise ValidationException(f"{made.name} has no {form} files in {place}.")
    print(await asyncio.to_thread(_copied, found, folder))


def _copied(source: Path, folder: Path) -> Path:
    """A file into the folder, a folder as the folder. FileExistsError rather than write over anything."""
    target = folder if source.is_dir() else folder / source.name
    if target.exists():
        raise FileExistsError(f"{target} exists already")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        (shutil.copytree if source.is_dir() else shutil.copy)(source, part)
        return part.rename(target)
    except OSError as error:
        shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
        raise OSError(words(error)) from error


async def _made(resources: Resources, name: str) -> Resource:
    try:
        return await find(resources, CUSTOM_MODEL, name, CUSTOM_MODEL)
    except ResourceNotFoundException:
        return await find(resources, "imported-model", name, "imported-model")


async def find(resources: Resources, kind: str, name: str, arn_kind: str) -> Resource:
    """A resource by its name, id or ARN; ResourceNotFoundException."""
    if found := await resources.named(kind, name):
        return found
    return await resources.get(kind, id_in(name, arn_kind) or name)


def _folder(settings: Settings, job: Resource) -> JobFolder:
    return JobFolder(settings.home / "jobs" / job.id)


def progress(events: list[dict[str, Any]]) -> str:
    """The worker's last reports in a line: a bar, loss, speed and time left; the phase before the first step."""
    step = next((event for event in reversed(events) if "loss" in event), None)
    phase = next((event for event in reversed(events) if "phase" in event), None)
    if step is None:
        return f"{phase['phase'].replace('_', ' ')}: {phase['status']}" if phase else ""
    checked = next((event for event in reversed(events) if "validation_loss" in event), None)
    done, total = step["step"], max(1, step.get("total_steps", step["step"]))
    parts = [
        f"[{'#' * (WIDTH * done // total):{WIDTH}}] step {done}/{total}",
        f"epoch {step['epoch']:.1f}" if "epoch" in step else "",
        f"loss {step['loss']:.4g}",
        f"validation {checked['validation_loss']:.4g}" if checked else "",
        f"{step['tokens_per_s']:,.0f} tokens/s" if step.get("tokens_per_s") else "",
        f"{duration(step['seconds_left'])} left" if step.get("seconds_left") else "",
    ]
    return ", ".join(filter(None, parts))


def duration(seconds: float) -> str:
    """3,725 -> `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
