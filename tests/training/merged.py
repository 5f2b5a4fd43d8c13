"""What torch says greedily with an adapter merged into its base, asked in a forked child: tests need no torch.

Knows nothing of llama.cpp.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.training.workers import CONTEXT

TOKENS = 16


def greedy(base: Path, adapter: Path, prompts: list[str], place: Path) -> dict[str, Any]:
    """{"prompts": token ids of each prompt in the chat template, "answers": the TOKENS ids after it}. The end token is
    never said."""
    process = CONTEXT.Process(target=_greedy, args=(base, adapter, prompts, place / "greedy.json"))
    process.start()
    process.join(300)
    assert process.exitcode == 0
    return json.loads((place / "greedy.json").read_text())


def _greedy(base: Path, adapter: Path, prompts: list[str], out: Path) -> None:
    import warnings

    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    warnings.resetwarnings()
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter).merge_and_unload().eval()
    turns = [[{"role": "user", "content": prompt}] for prompt in prompts]
    ids = [tokenizer.apply_chat_template(turn, add_generation_prompt=True)["input_ids"] for turn in turns]
    answers = []
    for prompt in ids:
        whole = [*prompt]
        for _ in range(TOKENS):
            with torch.no_grad():
                logits = model(torch.tensor([whole])).logits[0, -1]
            logits[tokenizer.eos_token_id] = -torch.inf
            whole.append(int(logits.argmax()))
        answers.append(whole[len(prompt) :])
    out.write_text(json.dumps({"prompts": ids, "answers": answers}))
