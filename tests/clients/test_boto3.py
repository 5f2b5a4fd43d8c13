"""boto3, unmodified: what goes beyond the stages that every client runs."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.clients.words import MODEL
from tests.live import Live


@pytest.fixture
def client(server: Live, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    return boto3.client("bedrock-runtime")


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": c} if isinstance(c, str) else c for c in content]}


def test_counting_agrees_with_usage(client: Any) -> None:
    messages = [user("Tell me a story about a fox.")]
    counted = client.count_tokens(modelId=MODEL, input={"converse": {"messages": messages}})["inputTokens"]
    reply = client.converse(modelId=MODEL, messages=messages, inferenceConfig={"maxTokens": 5})
    assert reply["usage"]["inputTokens"] == counted


def test_a_wrong_signature_is_refused(server: Live) -> None:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="wrong" * 8,
    )
    with pytest.raises(ClientError, match="signature") as caught:
        client.converse(modelId=MODEL, messages=[user("Hi")])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_unknown_operation_says_so(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ClientError, match="CreateGuardrail") as caught:
        boto3.client("bedrock").create_guardrail(name="g", blockedInputMessaging="no", blockedOutputsMessaging="no")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
