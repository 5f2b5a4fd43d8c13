"""BedrockOpenAI: chat completions and embeddings, signed with a key pair."""

from tests.clients.python.openai import chat, embed, refused, stream, tool

__all__ = ["chat", "embed", "refused", "stream", "tool"]
