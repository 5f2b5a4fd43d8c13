"""A complete GGUF chat model of random weights, small enough to be made and loaded in a test.

`tiny_gguf(path)` gives byte-level BPE, ChatML and a Qwen3 or Llama body that llama.cpp loads in milliseconds.
Its answers are noise, but real noise: sampled, streamed, counted and constrained like any model's.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

CHATML = """{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content or '' }}{% for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>"]


def tiny_gguf(
    path: Path,
    architecture: str = "qwen3",
    template: str = CHATML,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    kv_heads: int = 1,
    feed_forward: int = 128,
    context: int = 2048,
    vocabulary: int = 0,
    quantization: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    seed: int = 0,
) -> Path:
    """Write a chat model of random weights to `path` and return it; `vocabulary` pads the token list with words."""
    writer = gguf.GGUFWriter(path, architecture)
    tokens = _tokens(vocabulary)
    _describe(writer, path.stem, template, context, width, layers, heads, kv_heads, feed_forward)
    _vocabulary(writer, tokens)
    rng = np.random.default_rng(seed)
    for name, shape in _shapes(architecture, len(tokens), width, layers, heads, kv_heads, feed_forward):
        _tensor(writer, rng, name, shape, quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer, name, template, context, width, layers, heads, kv_heads, feed_forward) -> None:
    writer.add_name(name)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(width // heads)
    writer.add_value_length(width // heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_chat_template(template)


def byte_symbols() -> list[str]:
    """GPT-2's printable stand-in for each of the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in plain else next(spare)) for byte in range(256)]


def _tokens(vocabulary: int) -> list[str]:
    tokens = [*byte_symbols(), "th", "he", "the", "an", "in", "Ġthe", *SPECIAL]
    return tokens + [f"Ġw{i}" for i in range(vocabulary - len(tokens))]


def _vocabulary(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    plain = len(byte_symbols()) + 6
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    kinds[plain : plain + len(SPECIAL)] = [gguf.TokenType.CONTROL] * len(SPECIAL)
    for shown in ("<think>", "</think>", "<tool_call>", "</tool_call>"):
        kinds[tokens.index(shown)] = gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["t h", "h e", "th e", "a n", "i n", "Ġ the"])
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)


def _shapes(architecture: str, vocabulary: int, width: int, layers: int, heads: int, kv_heads: int, ff: int):
    head = width // heads
    yield "token_embd.weight", (vocabulary, width)
    yield "output_norm.weight", (width,)
    for i in range(layers):
        if architecture == "qwen3":
            yield f"blk.{i}.attn_q_norm.weight", (head,)
            yield f"blk.{i}.attn_k_norm.weight", (head,)
        yield f"blk.{i}.attn_norm.weight", (width,)
        yield f"blk.{i}.attn_q.weight", (width, width)
        yield f"blk.{i}.attn_k.weight", (head * kv_heads, width)
        yield f"blk.{i}.attn_v.weight", (head * kv_heads, width)
        yield f"blk.{i}.attn_output.weight", (width, width)
        yield f"blk.{i}.ffn_norm.weight", (width,)
        yield f"blk.{i}.ffn_gate.weight", (ff, width)
        yield f"blk.{i}.ffn_up.weight", (ff, width)
        yield f"blk.{i}.ffn_down.weight", (width, ff)


def _tensor(writer, rng, name: str, shape: tuple[int, ...], quantization) -> None:
    if len(shape) == 1:
        writer.add_tensor(name, np.ones(shape, np.float32))
        return
    data = rng.standard_normal(shape, dtype=np.float32) / shape[-1] ** 0.5
    if quantization == gguf.GGMLQuantizationType.F32:
        writer.add_tensor(name, data)
        return
    writer.add_tensor(name, gguf.quants.quantize(data, quantization), raw_dtype=quantization)
