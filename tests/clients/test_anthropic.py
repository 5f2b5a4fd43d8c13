"""AnthropicBedrock, unmodified: what goes beyond the stages that every client runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.words import MODEL
from tests.live import Live

anthropic = pytest.importorskip("anthropic", reason="make test-clients installs the anthropic SDK")


@pytest.fixture
def client(server: Live) -> Any:
    return anthropic.AnthropicBedrock(
        aws_access_key=server.env["AWS_ACCESS_KEY_ID"],
        aws_secret_key=server.env["AWS_SECRET_ACCESS_KEY"],
        aws_region=server.env["AWS_REGION"],
        base_url=server.url,
    )


def test_a_bad_body_is_a_bad_request(client: Any) -> None:
    with pytest.raises(anthropic.BadRequestError, match="nonsense"):
        messages = [{"role": "user", "content": "a"}]
        client.messages.create(model=MODEL, max_tokens=5, messages=messages, extra_body={"nonsense": 1})
