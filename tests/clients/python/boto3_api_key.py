"""boto3 with an API key: the same stages, signed in another way."""

from tests.clients.python.boto3 import chat, refused, stream, tool

__all__ = ["chat", "refused", "stream", "tool"]
