"""AnthropicBedrock: the same stages over InvokeModel."""

from tests.clients.python.anthropic import chat, refused, stream, tool

__all__ = ["chat", "refused", "stream", "tool"]
