"""Folders that must be refused, files that must stay whole, and what a good conversion states."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest

from outcrop.convert import convert, gguf_file

from .folders import BASE, CASES, build, random_weights, save


def configure(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


def damage(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    tensors = random_weights(BASE | CASES["llama"])
    change(tensors)
    save(folder, tensors)


def cut(folder: Path, at: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:at])


def header(folder: Path, text: bytes) -> None:
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(64))


def instead(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder / name)


def index(folder: Path, text: str) -> None:
    (folder / "model.safetensors.index.json").write_text(text)


NAN = np.array(np.nan, np.float32)
REFUSALS: dict[str, Callable[[Path], object]] = {
    "GPT2LMHeadModel is unknown; known: LlamaForCausalLM, Mistral": lambda f: configure(
        f, architectures=["GPT2LMHeadModel"]
    ),
    "not given is unknown; known": lambda f: configure(f, architectures=None),
    "no num_hidden_layers": lambda f: (f / "config.json").write_text(
        json.dumps({k: v for k, v in (BASE | CASES["llama"]).items() if k != "num_hidden_layers"})
    ),
    "no config.json": lambda f: (f / "config.json").unlink(),
    "config.json: not JSON": lambda f: (f / "config.json").write_text("{"),
    "quantised already": lambda f: configure(f, quantization_config={"quant_method": "gptq"}),
    "hidden_act 'gelu'": lambda f: configure(f, hidden_act="gelu"),
    "rope type 'dynamic'": lambda f: configure(f, rope_scaling={"type": "dynamic", "factor": 2.0}),
    "linear rope scaling without factor": lambda f: configure(f, rope_scaling={"type": "linear"}),
    "no counterpart in llama.cpp": lambda f: configure(f, partial_rotary_factor=0.5),
    "zero or negative": lambda f: configure(f, intermediate_size=0),
    "do not divide": lambda f: configure(f, num_key_value_heads=3),
    "no bias on": lambda f: configure(f, architectures=["MistralForCausalLM"], attention_bias=True),
    r"model.embed_tokens.weight has shape \[320, 64\].*\[300, 64\]": lambda f: configure(f, vocab_size=300),
    "tensors are missing: model.layers.2": lambda f: configure(f, num_hidden_layers=3),
    "tensors are none of this architecture's: model.layers.1": lambda f: configure(f, num_hidden_layers=1),
    "1 of 21 tensors are missing: model.norm.weight": lambda f: damage(f, lambda t: t.pop("model.norm.weight")),
    "none of this architecture's: model.odd.weight": lambda f: damage(f, lambda t: t.update({"model.odd.weight": NAN})),
    "not finite": lambda f: damage(f, lambda t: t["model.norm.weight"].__setitem__(3, NAN)),
    "cut off: .* ends at byte": lambda f: cut(f, -1),
    "cut off in its header": lambda f: cut(f, 100),
    "not a safetensors file": lambda f: cut(f, 5),
    "header cannot be read": lambda f: header(f, b"[1]"),
    "header cannot be read ": lambda f: header(f, b'{"a": {"dtype": "F32"}}'),
    "but 9 bytes": lambda f: header(f, b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 9]}}'),
    "only F64, F32": lambda f: header(f, b'{"a": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}'),
    "no .safetensors file": lambda f: instead(f, "weights.txt"),
    "is a pickle": lambda f: instead(f, "pytorch_model.bin"),
    "is a pickle ": lambda f: instead(f, "consolidated.00.pth"),
    "not a safetensors index": lambda f: index(f, "{}"),
    "which is not in the folder": lambda f: index(f, '{"weight_map": {"a": "other.safetensors"}}'),
    "outside the folder": lambda f: index(f, '{"weight_map": {"a": "../other.safetensors"}}'),
    "neither tokenizer.json": lambda f: (f / "tokenizer.json").unlink(),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_refusals_say_what_is_wrong_and_leave_nothing(message: str, tmp_path: Path) -> None:
    folder, out = build(tmp_path / "folder", "llama"), tmp_path / "out" / "model.gguf"
    REFUSALS[message](folder)
    with pytest.raises(ValueError, match=message.strip()):
        convert(folder, out, "f32")
    assert not out.parent.exists() or not [*out.parent.iterdir()]


@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_no_folder(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="not a folder"):
        convert(tmp_path / folder, tmp_path / "out.gguf")


def test_an_unknown_format_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'q4_0' is unknown; known: f32, f16, bf16, q8_0"):
        convert(tmp_path, tmp_path / "out.gguf", "q4_0")


def test_what_does_not_fit_float16_is_not_made_infinite(tmp_path: Path) -> None:
    folder = build(tmp_path, "llama")
    damage(folder, lambda tensors: tensors["lm_head.weight"].__setitem__((0, 0), 1e6))
    with pytest.raises(ValueError, match=r"output\.weight: holds values beyond float16"):
        convert(folder, tmp_path / "out.gguf", "f16")
    convert(folder, tmp_path / "out.gguf", "bf16")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = build(tmp_path / "folder", "llama"), tmp_path / "out" / "model.gguf"
    out.parent.mkdir()
    out.write_bytes(b"old")
    monkeypatch.setattr(gguf_file.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(OSError, match="MiB are free") as raised:
        convert(folder, out)
    assert raised.value.errno == errno.ENOSPC
    monkeypatch.undo()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensor_data", full)
    with pytest.raises(OSError, match="No space left"):
        convert(folder, out)
    assert [(p.name, p.read_bytes()) for p in out.parent.iterdir()] == [("model.gguf", b"old")]


def test_a_kill_in_mid_write_leaves_no_file_under_the_name(tmp_path: Path) -> None:
    folder, out = build(tmp_path / "folder", "llama"), tmp_path / "out" / "model.gguf"
    script = (
        "import gguf, os, sys; from pathlib import Path; from outcrop.convert import convert\n"
        "n, write = iter(range(5, -1, -1)), gguf.GGUFWriter.write_tensor_data\n"
        "gguf.GGUFWriter.write_tensor_data = lambda *a: write(*a) if next(n) else os.kill(os.getpid(), 9)\n"
        f"convert(Path({str(folder)!r}), Path({str(out)!r}))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert not out.exists()
    assert convert(folder, out).stat().st_size > 10_000


def test_two_conversions_to_one_name_at_once_both_end_with_a_whole_file(tmp_path: Path) -> None:
    folder, out = build(tmp_path / "folder", "llama"), tmp_path / "out" / "model.gguf"
    threads = [threading.Thread(target=convert, args=(folder, out, "f32")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gguf.GGUFReader(out).tensors) == 21
    assert [p.name for p in out.parent.iterdir()] == ["model.gguf"]


def test_a_conversion_states_the_models_numbers(tmp_path: Path) -> None:
    folder = build(tmp_path / "My-Model", "qwen3-sharded")
    reader = gguf.GGUFReader(convert(folder, tmp_path / "out.gguf"))
    fields = {name: field.contents() for name, field in reader.fields.items()}
    stated = {
        "general.architecture": "qwen3", "general.name": "My-Model", "general.file_type": 7,
        "qwen3.context_length": 256, "qwen3.embedding_length": 64, "qwen3.block_count": 2,
        "qwen3.attention.head_count": 4, "qwen3.attention.head_count_kv": 2, "qwen3.attention.key_length": 32,
        "qwen3.rope.freq_base": 1e6, "tokenizer.ggml.pre": "qwen2", "tokenizer.ggml.eos_token_id": 257,
        "tokenizer.ggml.add_bos_token": False,
    }  # fmt: skip
    assert {name: fields[name] for name in stated} == stated
    kinds = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert kinds["blk.0.attn_q.weight"] == "Q8_0" and kinds["blk.0.attn_q_norm.weight"] == "F32"
    assert oct(os.stat(tmp_path / "out.gguf").st_mode & 0o777) == oct(0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "q8_0"])
def test_weights_come_back_as_they_went_in(dtype: str, tmp_path: Path) -> None:
    """Value by value, within the format's own step; rows that 32 does not divide fall back to float16."""
    case = BASE | CASES["qwen3-sharded"] | {"intermediate_size": 40}
    reader = gguf.GGUFReader(
        convert(build(tmp_path, "qwen3-sharded", intermediate_size=40), tmp_path / "o.gguf", dtype)
    )
    found = {t.name: gguf.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    expected = random_weights(case)
    step = {"f32": 0, "f16": 2**-11, "bf16": 2**-8, "q8_0": 1 / 200}[dtype]
    names = {
        "blk.1.attn_q": "model.layers.1.self_attn.q_proj", "blk.1.ffn_down": "model.layers.1.mlp.down_proj",
        "blk.0.attn_k_norm": "model.layers.0.self_attn.k_norm", "output": "lm_head",
    }  # fmt: skip
    for ours, theirs in names.items():
        values = expected[f"{theirs}.weight"]
        assert np.abs(found[f"{ours}.weight"].reshape(values.shape) - values).max() <= step * np.abs(values).max()
    assert len(found) == len(expected)


def test_a_sliding_window_ends_the_context(tmp_path: Path) -> None:
    for window, layers, expected in [(64, None, 64), (64, ["full_attention"] * 2, 256), (None, None, 256)]:
        folder = build(tmp_path, "mistral-wide-heads-bf16", sliding_window=window, layer_types=layers)
        reader = gguf.GGUFReader(convert(folder, tmp_path / "out.gguf"))
        assert reader.fields["llama.context_length"].contents() == expected


def test_memory_holds_one_tensor_at_a_time(tmp_path: Path) -> None:
    """24 layers of 1 MiB matrices: the peak beyond the imports must stay far below the 170 MiB of the model."""
    folder = build(tmp_path, "llama", hidden_size=512, intermediate_size=512, num_hidden_layers=24)
    script = (
        "import resource, sys; from pathlib import Path; from outcrop.convert import convert\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit\n"
        "before = peak()\n"
        f"convert(Path({str(folder)!r}), Path({str(tmp_path / 'o.gguf')!r}))\n"
        "print(peak() - before)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    size = (folder / "model.safetensors").stat().st_size
    assert size > 100 << 20 and int(result.stdout) < 40 << 20
