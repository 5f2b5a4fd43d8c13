"""LlamaIndex's BedrockConverse."""

from __future__ import annotations

import json
from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool

from tests.clients.words import ASK_NAME, ASK_WEATHER, DESCRIPTION, HELLO, MAX_TOKENS, MISSING, RESULT, TOOL


def settled(llm: Any) -> Any:
    llm.temperature, llm.max_tokens = 0, MAX_TOKENS
    return llm


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=text)


def chat(llm: Any) -> list[str]:
    first = settled(llm).chat([user(HELLO)]).message
    return [first.content or "", llm.chat([user(HELLO), first, user(ASK_NAME)]).message.content]


def stream(llm: Any) -> list[str]:
    return [piece.delta for piece in settled(llm).stream_chat([user(HELLO)]) if piece.delta]


def tool(llm: Any) -> dict[str, Any]:
    tools = [FunctionTool.from_defaults(get_weather, name=TOOL, description=DESCRIPTION)]
    asked = settled(llm).chat_with_tools(tools, ASK_WEATHER, tool_required=True)
    (call,) = llm.get_tool_calls_from_response(asked)
    result = ChatMessage(role="tool", content=json.dumps(RESULT), additional_kwargs={"tool_call_id": call.tool_id})
    answer = llm.chat_with_tools(tools, chat_history=[user(ASK_WEATHER), asked.message, result])
    return {"name": call.tool_name, "input": call.tool_kwargs, "answer": answer.message.content}


def get_weather(city: str) -> str:
    raise AssertionError(f"asked for {city}: the test runs the tool itself")


def refused(llm: Any) -> None:
    llm.model = MISSING
    llm.chat([user(HELLO)])
