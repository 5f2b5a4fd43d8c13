"""A job as OpenAI's API shows it: the job, its events, its checkpoints, its metrics as CSV. Pure functions of a job's
record and of what its worker reported.

Knows nothing of where either is kept. Source: developers.openai.com/api/reference/resources/fine_tuning.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .... import hyperparameters
from ....names import ORGANISATION
from ....store.resources import Resource
from .order import METHODS, SAMPLES

PREFIX = "ftjob-"
Report = dict[str, Any]
Reports = Sequence[Report]

TYPES = {"FINE_TUNING": "supervised", "REINFORCEMENT_FINE_TUNING": "reinforcement"}
"""customizationType -> the method that it is, for jobs of other doors. OpenAI has no words for the other types."""

ENDS = {"Completed": "succeeded", "Failed": "failed", "Stopped": "cancelled"}

MEASURES = {"loss": "train_loss", "accuracy": "train_mean_token_accuracy", "reward": "train_mean_reward"}
CHECKS = {"validation_loss": "valid_loss", "accuracy": "valid_mean_token_accuracy", "reward": "valid_mean_reward"}
"""A worker's name of a measure -> OpenAI's, in training and in validation."""

COLUMNS = {"train_mean_token_accuracy": "train_accuracy"}
"""Measures that the results file names otherwise."""

PARAMS = {"train": "training_file", "validation": "validation_file"}
"""What a failure's message begins with where a file is at fault -> the parameter that named it."""


def name(job: Resource) -> str:
    return PREFIX + job.id


def is_shown(job: Resource) -> bool:
    """Whether OpenAI's API has words for the job."""
    return job.body["customizationType"] in TYPES


def method(job: Resource) -> str:
    told = job.body.get("format")
    preferences = "beta" in job.body.get("hyperParameters", {})
    return told or ("dpo" if preferences else TYPES[job.body["customizationType"]])


def status(body: Mapping[str, Any]) -> str:
    if body["status"] in ENDS:
        return ENDS[body["status"]]
    if body.get("paused"):
        return "paused"
    if "format" in body and "checked" not in body:
        return "validating_files"
    phases = {phase["status"] for phase in body["statusDetails"].values()}
    return "queued" if phases == {"NotStarted"} else "running"


def job_object(job: Resource, reports: Reports) -> dict[str, Any]:
    """A `fine_tuning.job`."""
    body, told = job.body, job.body.get("openai", {})
    state, step = status(body), _last(reports, "loss")
    running = state == "running" and step and step.get("seconds_left") is not None
    shown = _hyperparameters(job)
    return {
        "object": "fine_tuning.job",
        "id": name(job),
        "model": told.get("model") or body["base"]["id"],
        "created_at": job.created // 1000,
        "finished_at": int(body["endTime"]) if state in ENDS.values() else None,
        "fine_tuned_model": model(job),
        "organization_id": ORGANISATION,
        "result_files": [result_file(job)] if state == "succeeded" and "fineTunedModel" in body else [],
        "status": state,
        "validation_file": told.get("validation_file") or _other_validation(body),
        "training_file": told.get("training_file") or body["trainingDataConfig"].get("s3Uri", ""),
        "hyperparameters": {name: shown[name] for name in ("n_epochs", "batch_size", "learning_rate_multiplier")},
        "trained_tokens": step["tokens"] if state == "succeeded" and step else None,
        "error": _error(body),
        "user_provided_suffix": told.get("suffix"),
        "seed": _values(job)["seed"],
        "estimated_finish": int(step["time"] + step["seconds_left"]) if running and step else None,
        "integrations": [],
        "metadata": told.get("metadata"),
        "method": {"type": method(job), method(job): {"hyperparameters": shown, **_grader(body)}},
    }


def model(job: Resource) -> str | None:
    """The name under which what the job made answers; a job of another door made a custom model that nobody serves
    before it is deployed."""
    body = job.body
    return (body.get("fineTunedModel") or body["outputModelArn"]) if body["status"] == "Completed" else None


def result_file(job: Resource) -> str:
    """The id of the file with the job's metrics."""
    return f"file-{job.id}results"


def _values(job: Resource) -> dict[str, Any]:
    return hyperparameters.read(job.body["customizationType"], hyperparameters.given(job.body))


def _hyperparameters(job: Resource) -> dict[str, Any]:
    """OpenAI's hyperparameters as they are in use."""
    ours = _values(job)
    shown = {theirs: ours[name] for theirs, name in METHODS[method(job)].hyperparameters.items()}
    if SAMPLES in shown:
        default = hyperparameters.METHODS["REINFORCEMENT_FINE_TUNING"]["trainingSamplePerPrompt"].default
        shown[SAMPLES] = shown[SAMPLES] / default
    return shown


def _grader(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"grader": body["grader"]} if "grader" in body else {}


def _other_validation(body: Mapping[str, Any]) -> str | None:
    validators = body.get("validationDataConfig", {}).get("validators") or [{"s3Uri": None}]
    return validators[0]["s3Uri"]


def _error(body: Mapping[str, Any]) -> dict[str, Any] | None:
    if body["status"] != "Failed":
        return None
    message = body.get("failureMessage", "")
    file = next((param for begin, param in PARAMS.items() if message.startswith(begin)), None)
    if file is None:
        return {"code": "server_error", "message": message, "param": None}
    if "must have at least" in message:
        return {"code": "invalid_n_examples", "message": message, "param": file}
    words = f"The job failed due to an invalid {file.replace('_', ' ')}. {message}"
    return {"code": f"invalid_{file}", "message": words, "param": file}


# events ----------------------------------------------------------------------------------------------------------


def events(job: Resource, reports: Reports) -> list[dict[str, Any]]:
    """All events of a job, the oldest first. What is an event once is the same event, with the same id, for ever."""
    return [*_begin(job), *_reported(job, reports), *_end(job)]


def _event(job: Resource, key: str, when: float, message: str, level: str = "info", **more: Any) -> dict[str, Any]:
    return {
        "object": "fine_tuning.job.event",
        "id": f"ftevent-{job.id}-{key}",
        "created_at": int(when),
        "level": level,
        "message": message,
        "type": "message",
        "data": {},
        **more,
    }


def _begin(job: Resource) -> Iterator[dict[str, Any]]:
    made, told = job.created / 1000, job.body.get("openai", {})
    yield _event(job, "created", made, f"Created fine-tuning job: {name(job)}")
    for param in PARAMS.values():
        if told.get(param):
            yield _event(job, param, made, f"Validating {param.replace('_', ' ')}: {told[param]}")
    if "checked" in job.body:
        yield _event(job, "checked", job.body["checked"], "Files validated, moving job to queued state")


def _reported(job: Resource, reports: Reports) -> Iterator[dict[str, Any]]:
    begun = False
    for place, report in enumerate(reports):
        if report.get("phase") == "training" and report["status"] == "InProgress":
            words = "Fine-tuning job goes on from its last checkpoint" if begun else "Fine-tuning job started"
            yield _event(job, str(place), report["time"], words)
            begun = True
        elif "loss" in report:
            total = report.get("total_steps")
            words = f"Step {report['step']}/{total}: training loss={report['loss']:.4g}"
            data = {"step": report["step"], "total_steps": total, **_measured(report, MEASURES)}
            yield _event(job, str(place), report["time"], words, type="metrics", data=data)
        elif "validation_loss" in report:
            words = f"Step {report['step']}: validation loss={report['validation_loss']:.4g}"
            data = {"step": report["step"], **_measured(report, CHECKS)}
            yield _event(job, str(place), report["time"], words, type="metrics", data=data)


def _end(job: Resource) -> Iterator[dict[str, Any]]:
    body = job.body
    if body["status"] not in ENDS:
        return
    if body["status"] == "Completed":
        yield _event(job, "model", body["endTime"], f"New fine-tuned model created: {model(job)}")
    if "servingFailure" in body:
        words = f"The model does not answer: {body['servingFailure']}"
        yield _event(job, "serving", body["endTime"], words, "warn")
    words, level = {
        "Completed": ("The job has successfully completed", "info"),
        "Stopped": ("The job has been cancelled", "info"),
        "Failed": ((_error(body) or {}).get("message", ""), "error"),
    }[body["status"]]
    yield _event(job, "end", body["endTime"], words, level)


# metrics ---------------------------------------------------------------------------------------------------------


def checkpoints(job: Resource, reports: Reports) -> list[dict[str, Any]]:
    """The model at the end of the training, once it is there; what was written before that is for going on from."""
    step = _last(reports, "loss")
    if job.body["status"] != "Completed" or step is None:
        return []
    check = _last(reports, "validation_loss") or {}
    valid = _measured(check, CHECKS)
    metrics = {
        "step": step["step"],
        **_measured(step, MEASURES),
        **valid,
        **{f"full_{name}": value for name, value in valid.items()},
    }
    return [
        {
            "object": "fine_tuning.job.checkpoint",
            "id": f"ftckpt_{job.id}",
            "created_at": int(job.body["endTime"]),
            "fine_tuned_model_checkpoint": model(job),
            "fine_tuning_job_id": name(job),
            "metrics": metrics,
            "step_number": step["step"],
        }
    ]


def results(reports: Reports) -> bytes:
    """The results file: a line a step, in the columns of OpenAI's."""
    steps = {report["step"]: report for report in reports if "loss" in report}
    checks = {report["step"]: report for report in reports if "validation_loss" in report}
    names = [*MEASURES.values(), *CHECKS.values()]
    rows = [{**_measured(steps[step], MEASURES), **_measured(checks.get(step, {}), CHECKS)} for step in sorted(steps)]
    used = [name for name in names if "reward" not in name or any(name in row for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", *(COLUMNS.get(name, name) for name in used)])
    for step, row in zip(sorted(steps), rows, strict=True):
        writer.writerow([step, *(_figure(row.get(name)) for name in used)])
    return text.getvalue().encode()


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _measured(report: Report, names: Mapping[str, str]) -> dict[str, float]:
    return {theirs: report[ours] for ours, theirs in names.items() if ours in report}


def _last(reports: Reports, member: str) -> Report | None:
    return next((report for report in reversed(reports) if member in report), None)
