"""The same question in two languages: a signed Bedrock request and a plain OpenAI one, as bytes ready to send.

Knows nothing of sockets. Signatures are botocore's and last 15 minutes.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .house import Secret

FIRST_DELTA = "contentBlockDelta"
"""What the first token looks like in a ConverseStream answer."""
FIRST_CONTENT = '"content":"'
"""And in llama.cpp's: the first chunk, of the role alone, has null there."""


def converse(port: int, key: Secret, model: str, text: str, tokens: int, stream: bool = False, **fields: Any) -> bytes:
    """A signed Converse or ConverseStream; `fields` are additionalModelRequestFields."""
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": [{"text": text}]}],
        "inferenceConfig": {"maxTokens": tokens, "temperature": 0.0},
    }
    if fields:
        body["additionalModelRequestFields"] = fields
    path = f"/model/{model}/converse{'-stream' if stream else ''}"
    data = json.dumps(body).encode()
    return post(port, path, signed(f"http://127.0.0.1:{port}{path}", data, key), data)


def signed(url: str, data: bytes, key: Secret) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "Boto3/1.44 (bench)"}
    request = AWSRequest("POST", url, headers=headers, data=data)
    SigV4Auth(Credentials(key.id, key.secret), "bedrock", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def completion(
    port: int, model: str, text: str, tokens: int, key: str | None, stream: bool = False, **fields: Any
) -> bytes:
    """An OpenAI chat completion."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
        "temperature": 0.0,
        **fields,
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    return post(port, "/v1/chat/completions", headers, json.dumps(body, separators=(",", ":")).encode())


def post(port: int, path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
