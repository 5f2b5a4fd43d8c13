"""LangChain's ChatBedrockConverse, and the stages that every LangChain chat model shares."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage

from tests.clients.words import ASK_NAME, ASK_WEATHER, HELLO, MAX_TOKENS, MISSING, OPENAI_TOOL, RESULT


def settled(llm: Any) -> Any:
    return llm.model_copy(update={"temperature": 0, "max_tokens": MAX_TOKENS})


def chat(llm: Any) -> list[str]:
    llm = settled(llm)
    first = llm.invoke([HumanMessage(HELLO)])
    return [first.text, llm.invoke([HumanMessage(HELLO), first, HumanMessage(ASK_NAME)]).text]


def stream(llm: Any) -> list[str]:
    return [chunk.text for chunk in settled(llm).stream([HumanMessage(HELLO)]) if chunk.text]


def tool(llm: Any) -> dict[str, Any]:
    llm = settled(llm)
    asked = llm.bind_tools([OPENAI_TOOL], tool_choice="any").invoke([HumanMessage(ASK_WEATHER)])
    (call,) = asked.tool_calls
    messages = [HumanMessage(ASK_WEATHER), asked, ToolMessage(json.dumps(RESULT), tool_call_id=call["id"])]
    return {"name": call["name"], "input": call["args"], "answer": llm.bind_tools([OPENAI_TOOL]).invoke(messages).text}


def refused(llm: Any) -> None:
    llm.model_copy(update={"model_id": MISSING}).invoke([HumanMessage(HELLO)])
