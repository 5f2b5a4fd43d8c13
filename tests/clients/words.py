"""What every client is made to say, in phrasings that Pebble knows. Imports nothing: every environment reads it."""

from __future__ import annotations

from typing import Any

MODEL = "outcrop.pebble-v1"
EMBEDDER = "outcrop.minilm-l6-v2"
CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
MISSING = "anthropic.claude-3-opus-20240229-v1:0"
MISSING_EMBEDDER = "amazon.titan-embed-g1-text-02"
"""Ids that clients know and the server does not serve."""

NAME = "Ada"
HELLO = f"Hello, my name is {NAME}."
ASK_NAME = "What is my name?"
CITY = "Lisbon"
ASK_WEATHER = f"Tell me the current weather of {CITY}."
TEXTS = ["The cat sleeps on the sofa.", "A kitten is napping on the couch.", "Interest rates rose by half a percent."]
"""The first two mean nearly the same."""

QUESTION = "Where does the cat sleep?"

MAX_TOKENS = 200

TOOL = "get_weather"
DESCRIPTION = "Get the current weather of a city."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Name of the city."}},
    "required": ["city"],
}
RESULT = {"temperature_c": 21}

OPENAI_TOOL = {"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": SCHEMA}}
"""The tool as the OpenAI chat API declares it, and the next two as Converse and Anthropic do."""
CONVERSE_TOOLS = {"tools": [{"toolSpec": {"name": TOOL, "description": DESCRIPTION, "inputSchema": {"json": SCHEMA}}}]}
ANTHROPIC_TOOL = {"name": TOOL, "description": DESCRIPTION, "input_schema": SCHEMA}

for_javascript = {name: value for name, value in globals().items() if name.isupper()}
