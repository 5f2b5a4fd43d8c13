"""Settings: where every knob lives, with its default and its meaning.

Knows nothing of what the settings are for. No other file reads the environment or outcrop.toml.
Order: command line over OUTCROP_* over outcrop.toml (in the home folder) over the defaults here.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def knob(default: Any, help: str) -> Any:
    """A settings field: its default and one line for the docs."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. Durations are seconds (`_s`), sizes are MiB (`_mib`)."""

    # ruff: noqa: RUF009 (knob is dataclasses.field with its help)
    home: Path = knob(Path("~/.outcrop"), "Folder of all state: database, keys, models, engine builds, logs.")
    host: str = knob("127.0.0.1", "Address to listen on.")
    port: int = knob(8484, "Cleartext port: HTTP/1.1 and h2 with prior knowledge.")
    tls_port: int = knob(8485, "TLS port (HTTP/1.1 and h2); 0 turns TLS off.")
    auth: bool = knob(True, "Require SigV4 or an API key; may be off on a loopback address only.")
    region: str = knob("us-east-1", "Region in ARNs and in the signature scope that `outcrop env` prints.")
    account_id: str = knob("000000000000", "Account number in ARNs.")
    database_url: str = knob("", "SQLAlchemy URL; empty means SQLite in the home folder.")
    objects_url: str = knob("", "Where s3:// URLs live: empty means the home folder, `s3://` a real S3.")
    objects_endpoint: str = knob("", "Endpoint of an S3-compatible store, with objects_url = `s3://`.")
    model: str = knob("outcrop.pebble-v1", "Model loaded when the service starts; empty loads none.")
    engine: str = knob("auto", "`auto` (a built llama-server, else the wheel), `wheel`, or a llama-server's path.")
    engine_threads: int = knob(0, "Threads of each engine; 0: the machine's cores, one for a tiny model's lone stream.")
    engine_slots: int = knob(16, "Requests an engine decodes at the same time.")
    engine_context: int = knob(0, "Tokens of context per request; 0 means the model's own, up to 32,768.")
    queue_limit: int = knob(128, "Requests that may wait for one model; past it ThrottlingException.")
    load_wait_s: float = knob(60.0, "How long a request waits for its model to load before ModelNotReadyException.")
    request_timeout_s: float = knob(3600.0, "Longest time one generation may take before ModelTimeoutException.")
    idle_unload_s: float = knob(900.0, "An engine unused for so long is unloaded; 0 keeps it.")
    memory_reserve_mib: int = knob(512, "Memory that loading a model must leave free.")
    training_slots: int = knob(1, "Customization jobs that train at the same time: one for each accelerator.")
    training_niceness: int = knob(5, "Niceness of training processes, 0 to 19: how far they give way to answering.")
    retention_days: int = knob(30, "Days that stored responses and ended async invocations are kept; 0: for ever.")
    max_body_mib: int = knob(25, "Largest request body.")
    max_depth: int = knob(64, "Deepest nesting of a JSON body.")
    body_timeout_s: float = knob(30.0, "Longest pause while a client sends its body.")
    drain_s: float = knob(30.0, "How long SIGTERM lets running requests finish.")
    log_level: str = knob("info", "debug, info, warning or error.")

    @property
    def database(self) -> str:
        """The database URL in use."""
        return self.database_url or f"sqlite+aiosqlite:///{self.home / 'outcrop.db'}"


def load(overrides: dict[str, Any] | None = None) -> Settings:
    """Read the settings; `overrides` are command-line values (None entries are ignored).

    Raises ValueError that names the setting and its source when a value cannot be read.
    """
    given = {k: v for k, v in (overrides or {}).items() if v is not None}
    values = {**_from_environment(), **given}
    home = Path(values.get("home") or Settings.__dataclass_fields__["home"].default).expanduser()
    merged = {**_from_file(home / "outcrop.toml"), **values, "home": home}
    return Settings(**{name: _convert(name, value) for name, value in merged.items()})


def _from_environment() -> dict[str, str]:
    names = (f.name for f in dataclasses.fields(Settings))
    return {name: os.environ[key] for name in names if (key := f"OUTCROP_{name.upper()}") in os.environ}


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    unknown = values.keys() - Settings.__dataclass_fields__.keys()
    if unknown:
        raise ValueError(f"{path}: unknown setting {', '.join(sorted(unknown))}")
    return values


def _convert(name: str, value: Any) -> Any:
    wanted = type(Settings.__dataclass_fields__[name].default)
    try:
        if isinstance(value, str) and wanted is bool:
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[value.lower()]
        return Path(value).expanduser() if issubclass(wanted, Path) else wanted(value)
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"setting {name}: {value!r} is not a valid {wanted.__name__}") from error
