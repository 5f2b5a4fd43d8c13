"""The way back from the GGUF file that ships: a folder that transformers and our own trainer load alike."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("gguf")

import outcrop  # noqa: E402
from outcrop.training import hub_folder  # noqa: E402
from outcrop.training.export import export  # noqa: E402

PEBBLE = Path(outcrop.__file__).parent / "models" / "pebble-v1.gguf"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(PEBBLE, tmp_path_factory.mktemp("pebble"))


def test_transformers_and_our_trainer_read_the_folder_alike(folder: Path):
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.arange(50, 90)[None]
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, hub_folder.load(folder)(ids), atol=1e-3, rtol=1e-3)


def test_the_tokenizer_brings_the_chat_template(folder: Path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    said = [{"role": "user", "content": "Hello, é!"}]
    text = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nHello, é!<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.convert_tokens_to_ids("<|im_start|>") == ids[0]
    assert tokenizer.decode(ids) == text
