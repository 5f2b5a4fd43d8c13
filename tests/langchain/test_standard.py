"""LangChain's standard tests of chat models, for ChatBedrockConverse against Pebble: `make test-langchain` counts them.

What Pebble does not do (images, documents, audio) is said in the properties, as any chat model of LangChain says it.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

pytest.importorskip("langchain_tests")

from langchain_aws import ChatBedrockConverse
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestPebble(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[ChatBedrockConverse]:
        return ChatBedrockConverse

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "outcrop.pebble-v1",
            "provider": "outcrop",
            "region_name": "us-east-1",
            "endpoint_url": os.environ["OUTCROP_TEST_URL"],
            "temperature": 0,
            "max_tokens": 200,
            "disable_streaming": False,  # langchain-aws knows this and the next of Bedrock's own models only
            "supports_tool_choice_values": ("auto", "any", "tool"),
        }

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0, "max_tokens": 100, "stop": []}
