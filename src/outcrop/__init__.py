"""Outcrop: a foundation-model service you run yourself that speaks the Amazon Bedrock API."""

__version__ = "0.1.0"
