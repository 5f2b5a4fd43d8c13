"""AnthropicBedrockMantle: the same stages over the Messages API, signed."""

from tests.clients.python.anthropic import chat, refused, stream, tool

__all__ = ["chat", "refused", "stream", "tool"]
