"""BedrockOpenAI: chat completions, signed with a key pair."""

from tests.clients.python.openai import chat, refused, stream, tool

__all__ = ["chat", "refused", "stream", "tool"]
