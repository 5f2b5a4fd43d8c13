"""Engines: HTTP servers that speak the OpenAI API, ours as child processes or somebody else's by URL."""
