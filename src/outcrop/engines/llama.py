"""The engine's own process: llama.cpp's HTTP server from the wheel, or a llama-server binary kept on a leash.

`python -m outcrop.engines.llama` reads one JSON line of `Options` from stdin, prints one JSON line with its address and
serves until stdin ends: when the service dies, however it dies, the pipe breaks and the engine goes with it.
Knows nothing of models, queues or the service; imports nothing heavy, for it starts in the way of a first answer.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from typing import Any

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """One engine to run. Every field crosses the pipe as JSON; none is shown on a command line."""

    model: str
    key: str
    context: int
    slots: int
    pool: int
    shared: bool
    threads: int
    prompt_cache_mib: int
    lone_threads: int = 0
    """Threads for a step of one token, a single stream's; 0 means `threads`."""
    pooling: int = 0
    """llama.cpp's pooling type: 0 a chat model, 1-3 embeddings, 4 a reranker."""
    batch: int = 0
    """Tokens that are read at a time, and the longest text of an embedding model; 0 leaves llama.cpp's own."""
    mmproj: str = ""
    loras: tuple[str, ...] = ()
    """LoRA adapters, loaded beside the model; each request names its own by its place here."""
    connections: int = 64
    """Most connections at once: llama.cpp's HTTP server gives each one a thread, for as long as it is kept alive."""
    binary: str = ""
    """Path of a llama-server; empty runs the wheel."""

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


def rows(options: Options) -> list[tuple[str, Any, list[str]]]:
    """Each setting once: name in llama.cpp's common_params, its value, and the same thing said to llama-server."""
    o = options
    lone = o.lone_threads or o.threads
    sharing = "--kv-unified" if o.shared else "--no-kv-unified"
    return [
        ("model.path", o.model, ["--model", o.model]),
        ("model_alias", {"default"}, ["--alias", "default"]),
        ("hostnames", [HOST], ["--host", HOST]),
        ("api_keys", [o.key], []),  # llama-server takes it from LLAMA_API_KEY: a command line is public
        ("n_ctx", o.pool, ["--ctx-size", str(o.pool)]),
        ("n_parallel", o.slots, ["--parallel", str(o.slots)]),
        ("kv_unified", o.shared, [sharing]),
        ("cpuparams.n_threads", lone, ["--threads", str(lone)]),
        ("cpuparams_batch.n_threads", o.threads, ["--threads-batch", str(o.threads)]),
        ("n_threads_http", o.connections, ["--threads-http", str(o.connections)]),
        ("cache_ram_mib", o.prompt_cache_mib, ["--cache-ram", str(o.prompt_cache_mib)]),
        ("use_jinja", True, ["--jinja"]),
        ("endpoint_metrics", True, ["--metrics"]),
        ("endpoint_slots", True, ["--slots"]),
        ("ui", False, ["--no-webui"]),
        ("verbosity", 2, ["--log-verbosity", "2"]),
        *_optional_rows(o),
    ]


def _optional_rows(o: Options) -> list[tuple[str, Any, list[str]]]:
    """Settings whose absence is the default. A unified pool caps each slot, else one slot could be promised it all."""
    chosen = [
        (o.shared, ("kv_unified_per_slot", o.context, ["--kv-unified-per-slot", str(o.context)])),
        (o.mmproj, ("mmproj.path", o.mmproj, ["--mmproj", o.mmproj])),
        (o.pooling, ("embedding", True, ["--embedding"])),
        (o.batch, ("n_batch", o.batch, ["--batch-size", str(o.batch)])),
        (o.batch, ("n_ubatch", o.batch, ["--ubatch-size", str(o.batch)])),
        (o.pooling == 4, ("pooling_type", 4, ["--pooling", "rank"])),
        (o.loras, ("lora_adapters", o.loras, [word for path in o.loras for word in ("--lora", path)])),
        (o.loras, ("lora_init_without_apply", True, ["--lora-init-without-apply"])),
    ]
    return [row for wanted, row in chosen if wanted]


def arguments(options: Options) -> list[str]:
    """The command line of a llama-server; the port comes after."""
    return [word for _, _, words in rows(options) for word in words]


def parameters(options: Options) -> Any:
    """xllamacpp's CommonParams."""
    xllamacpp = wheel()
    wrap = {
        "lora_adapters": lambda paths: [xllamacpp.CommonAdapterLoraInfo(path, 0.0) for path in paths],
        "pooling_type": xllamacpp.llama_pooling_type,
    }
    params = xllamacpp.CommonParams()
    params.port = 0
    for name, value, _ in rows(options):
        owner, _, field = name.rpartition(".")
        setattr(getattr(params, owner) if owner else params, field, wrap.get(name, lambda v: v)(value))
    return params


def wheel() -> Any:
    """The native module; it carries no type stubs."""
    return importlib.import_module("xllamacpp")


def main() -> None:
    options = Options(**json.loads(sys.stdin.buffer.readline()))
    die_with_parent()
    if options.binary:
        keep(options)
    else:
        serve(options)


def serve(options: Options) -> None:
    """Run the wheel's server in this process until stdin ends. What went wrong is already on stderr when it raises."""
    xllamacpp = wheel()
    try:
        server = xllamacpp.Server(parameters(options))
    except RuntimeError:
        sys.exit(1)
    announce(server.listening_address, os.getpid())
    sys.stdin.buffer.read()
    os._exit(0)


def keep(options: Options) -> None:
    """Run a llama-server as our child until it or stdin ends."""
    port = free_port()
    environment = {**os.environ, "LLAMA_API_KEY": options.key}
    command = [options.binary, *arguments(options), "--port", str(port)]
    child = subprocess.Popen(  # its logs all go to stderr, for nobody reads our stdout past the address
        command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=die_with_parent
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.kill())
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), child.kill()), daemon=True).start()
    announce(f"http://{HOST}:{port}", child.pid)
    code = child.wait()
    os._exit(code if code >= 0 else 128 - code)


def announce(address: str, pid: int) -> None:
    print(json.dumps({"address": address, "pid": pid}), flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def die_with_parent() -> None:
    """Linux kills us with our parent even when nobody reads our stdin; elsewhere the end of stdin is all there is."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
