"""Measuring models through the API that serves them. Knows nothing of how they were made."""
