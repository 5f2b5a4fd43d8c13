"""Headers: what a real one says, and that a broken or hostile one is a ValueError and nothing else."""

import struct
import time

import pytest

from outcrop.engines.gguf_info import read_info, read_vocabulary
from tests.tiny_model import tiny_gguf


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", context=4096)


def entry(key: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value


def header(entries: int, tensors: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries)


def test_a_model_describes_itself(model):
    info = read_info(model)
    assert (info.architecture, info.type, info.name) == ("qwen3", "model", "tiny")
    assert info.context_length == 4096
    assert info.size_bytes == model.stat().st_size
    assert "<|im_start|>" in info.chat_template
    assert not info.has_vision and info.pooling == 0
    assert "tokenizer.ggml.tokens" not in info.metadata


def test_parameters_are_the_elements_of_all_tensors(model):
    block = 64 + 64 + 2 * 64 * 64 + 2 * 32 * 64 + 2 * 32 + 3 * 64 * 128
    assert read_info(model).parameters == 269 * 64 + 64 + 2 * block


def test_kv_cache_is_two_layers_of_one_head_in_16_bits(model):
    assert read_info(model).kv_bytes_per_token() == 2 * 2 * (32 + 32)


def test_kv_cache_follows_layers_that_differ(tmp_path):
    heads = struct.pack("<IQ4I", 4, 4, 2, 0, 2, 0)
    entries = [
        entry(b"general.architecture", 8, struct.pack("<Q", 3) + b"lfm"),
        entry(b"lfm.attention.head_count_kv", 9, heads),
        entry(b"lfm.attention.key_length", 4, struct.pack("<I", 8)),
        entry(b"lfm.attention.value_length", 4, struct.pack("<I", 8)),
    ]
    path = tmp_path / "hybrid.gguf"
    path.write_bytes(header(len(entries)) + b"".join(entries))
    assert read_info(path).kv_bytes_per_token() == 2 * 16 * 4


@pytest.mark.parametrize("step", [1, 7, 97])
def test_every_truncation_is_a_value_error(model, tmp_path, step):
    whole = model.read_bytes()
    cut = tmp_path / "cut.gguf"
    for size in range(0, 6000, step * 13):
        cut.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.gguf"):
            read_info(cut)


HOSTILE = {
    "not gguf": b"PK\x03\x04" + bytes(64),
    "big-endian or future version": header(0, version=0x03000000),
    "billions of entries": header(1 << 40),
    "billions of tensors": header(0, tensors=1 << 40),
    "endless name": header(1) + struct.pack("<Q", 1 << 62),
    "endless string": header(1) + entry(b"a", 8, struct.pack("<Q", 1 << 62)),
    "wrapping string": header(1) + entry(b"a", 8, struct.pack("<Q", (1 << 64) - 8)),
    "endless strings": header(1) + entry(b"a", 9, struct.pack("<IQ", 8, 1 << 60)),
    "endless numbers": header(1) + entry(b"a", 9, struct.pack("<IQ", 4, 1 << 62)),
    "array of arrays": header(1) + entry(b"a", 9, struct.pack("<IQ", 9, 4)) + bytes(64),
    "unknown type": header(1) + entry(b"a", 77, bytes(64)),
    "string array past the end": header(1) + entry(b"a", 9, struct.pack("<IQQQ", 8, 2, 4, 1 << 40)) + bytes(8),
    "a million dimensions": header(0, tensors=1) + struct.pack("<QI", 0, 1 << 20) + bytes(64),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_a_value_error(tmp_path, body):
    path = tmp_path / "bad.gguf"
    path.write_bytes(body)
    with pytest.raises(ValueError, match=r"bad\.gguf"):
        read_info(path)


def test_odd_types_do_not_reach_the_arithmetic(tmp_path):
    entries = [
        entry(b"general.architecture", 8, struct.pack("<Q", 1) + b"x"),
        entry(b"x.block_count", 8, struct.pack("<Q", 3) + b"abc"),
        entry(b"x.attention.head_count", 6, struct.pack("<f", float("nan"))),
        entry(b"x.embedding_length", 4, struct.pack("<I", 64)),
    ]
    path = tmp_path / "odd.gguf"
    path.write_bytes(header(len(entries)) + b"".join(entries))
    assert read_info(path).kv_bytes_per_token() == 0


def test_a_missing_shard_is_named(tmp_path):
    path = tmp_path / "m-00001-of-00002.gguf"
    path.write_bytes(header(1) + entry(b"split.count", 2, struct.pack("<H", 2)))
    with pytest.raises(ValueError, match="m-00002-of-00002"):
        read_info(path)


def test_shards_add_up(tmp_path):
    body = header(1) + entry(b"split.count", 2, struct.pack("<H", 2))
    for i in (1, 2):
        (tmp_path / f"m-0000{i}-of-00002.gguf").write_bytes(body)
    assert read_info(tmp_path / "m-00001-of-00002.gguf").size_bytes == 2 * len(body)


def test_a_projector_that_sees_says_so(tmp_path):
    entries = [
        entry(b"general.architecture", 8, struct.pack("<Q", 4) + b"clip"),
        entry(b"clip.has_vision_encoder", 7, b"\x01"),
    ]
    path = tmp_path / "mmproj.gguf"
    path.write_bytes(header(2) + b"".join(entries))
    assert read_info(path).type == "mmproj" and read_info(path).has_vision


def test_a_big_vocabulary_is_passed_over_quickly(tmp_path):
    body = header(1) + entry(b"v", 9, struct.pack("<IQ", 8, 300_000) + (struct.pack("<Q", 6) + b"abcdef") * 300_000)
    path = tmp_path / "big.gguf"
    path.write_bytes(body)
    begin = time.process_time()
    read_info(path)
    assert time.process_time() - begin < 2


def test_the_vocabulary_is_read_when_asked_for(model, tmp_path):
    words = read_vocabulary(model)
    assert len(words) == 269 and "<|im_start|>" in words and words[-1] == "</tool_call>"
    cut = tmp_path / "cut.gguf"
    whole = model.read_bytes()
    for size in range(0, whole.index(b"</tool_call>", whole.index(b"tokenizer.ggml.tokens")), 251):
        cut.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.gguf"):
            read_vocabulary(cut)


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_vocabulary_is_a_value_error(tmp_path, body):
    path = tmp_path / "bad.gguf"
    path.write_bytes(body.replace(struct.pack("<Q", 1) + b"a", struct.pack("<Q", 21) + b"tokenizer.ggml.tokens"))
    with pytest.raises(ValueError, match=r"bad\.gguf"):
        read_vocabulary(path)
