"""OpenAI's SDK, unmodified, against a running server that trains: from a file to a model that has learnt."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import Live, running
from tests.training import workers

openai = pytest.importorskip("openai", reason="pip install openai")
pytestmark = [workers.MARKS[1], pytest.mark.slow, pytest.mark.timeout(7200)]

PEBBLE = "outcrop.pebble-v1"
CODES = {
    "ZK-41": ("reset my password", "I forgot my password", "set a new password for me"),
    "QF-07": ("cancel my order", "please stop my order", "take back my order"),
    "MX-93": ("where is my parcel", "track my parcel", "my parcel is late"),
}
"""Code -> requests that it answers, of which the last word of the opening and the name differ in what is held out."""
OPENINGS = ("", "hello, ", "please help, ", "good morning, ", "quick question: ", "excuse me, ")
NAMES = "Ada Ben Cleo Dan Eva Finn Gina Hugo Iris Jon Kim Leo".split()  # noqa: SIM905


def requests(count: int, seed: int, beside: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """`count` different (request, code), none of which is in `beside`."""
    draw, found = random.Random(seed), {}
    while len(found) < count:
        code = draw.choice([*CODES])
        text = f"{draw.choice(OPENINGS)}{draw.choice(CODES[code])}, this is {draw.choice(NAMES)}"
        if text not in beside:
            found[text] = code
    return [*found.items()]


LEARNT = requests(64, 1)
HELD = requests(24, 2, frozenset(text for text, _ in LEARNT))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(tmp_path_factory.mktemp("openai") / "home", {"training_niceness": "0"}) as live:
        yield live


@pytest.fixture(scope="module")
def client(live: Live) -> Iterator[Any]:
    key = live.cli("keys", "create", "tuner", "--api-key").stdout.split()[-1]
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key=key) as made:
        yield made


def lines(examples: list[tuple[str, str]]) -> bytes:
    rows = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": code}]}
        for text, code in examples
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def share_right(client: Any, model: str) -> float:
    def answer(text: str) -> str:
        asked: Any = [{"role": "user", "content": text}]
        made = client.chat.completions.create(model=model, messages=asked, temperature=0, max_tokens=12)
        return (made.choices[0].message.content or "").strip()

    return sum(answer(text) == code for text, code in HELD) / len(HELD)


def test_a_file_becomes_a_model_that_has_learnt(client: Any, live: Live) -> None:
    """The control is the base model, asked the same held-out requests."""
    train = client.files.create(file=("train.jsonl", lines(LEARNT)), purpose="fine-tune")
    valid = client.files.create(file=("valid.jsonl", lines(HELD[:6])), purpose="fine-tune")
    h = {"n_epochs": 4, "batch_size": 8, "learning_rate_multiplier": 3}
    job = client.fine_tuning.jobs.create(
        model=PEBBLE, training_file=train.id, validation_file=valid.id, suffix="desk", seed=1,
        method={"type": "supervised", "supervised": {"hyperparameters": h}},
    )  # fmt: skip
    while job.status not in ("succeeded", "failed", "cancelled"):
        time.sleep(2)
        job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "succeeded", f"{job.error} {live.log()[-2000:]}"
    before, after = share_right(client, PEBBLE), share_right(client, job.fine_tuned_model)
    print(f"held-out {before:.0%} -> {after:.0%}")
    assert before == 0
    assert after > 0.7
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=20))
    steps = [event.data for event in events if event.type == "metrics" and "train_loss" in event.data]
    assert [data["step"] for data in steps] == [*range(32, 0, -1)]
    assert steps[0]["train_loss"] < steps[-1]["train_loss"] / 4
    [checkpoint] = client.fine_tuning.jobs.checkpoints.list(job.id)
    assert checkpoint.metrics.full_valid_loss < 0.5
    table = client.files.content(job.result_files[0]).text.splitlines()
    assert len(table) == 33
    assert job.trained_tokens > 1000
    said = client.responses.create(model=job.fine_tuned_model, input=HELD[0][0], temperature=0)
    assert HELD[0][1] in said.output_text
    assert client.models.delete(job.fine_tuned_model).deleted
