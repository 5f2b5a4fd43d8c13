"""LangChain's ChatBedrock: the same stages over InvokeModel."""

from tests.clients.python.langchain_converse import chat, refused, stream, tool

__all__ = ["chat", "refused", "stream", "tool"]
