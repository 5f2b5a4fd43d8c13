"""What transformers answers on the folders of folders.py, kept in goldens.json.

Run again after changing a case, in an environment with torch and transformers:
    python tests/convert/make_goldens.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from folders import CASES, build

PROMPT = [256, *range(40, 140, 1), 261, 262, 3, 270, 11]
COUNT = 24


def answer(folder: Path) -> dict[str, Any]:
    """Greedy tokens after PROMPT, and the five likeliest first tokens with their log-probabilities."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokens, margins = list(PROMPT), []
    with torch.no_grad():
        for _ in range(COUNT):
            logits = model(torch.tensor([tokens])).logits[0, -1].double().log_softmax(-1)
            best = logits.topk(5)
            margins.append(round(float(best.values[0] - best.values[1]), 4))
            if len(tokens) == len(PROMPT):
                first = {str(int(i)): round(float(v), 5) for v, i in zip(best.values, best.indices, strict=True)}
            tokens.append(int(best.indices[0]))
    return {"tokens": tokens[len(PROMPT) :], "first": first, "margins": margins}


if __name__ == "__main__":
    import transformers

    with tempfile.TemporaryDirectory() as place:
        answers = {case: answer(build(Path(place) / case, case)) for case in CASES}
    notes = {"made_by": "python tests/convert/make_goldens.py", "transformers": transformers.__version__}
    text = json.dumps(notes | {"prompt": PROMPT, "answers": answers}, indent=None)
    Path(__file__).with_name("goldens.json").write_text(text.replace('}, "', '},\n "') + "\n")
