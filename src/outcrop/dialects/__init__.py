"""Dialects: other APIs' bodies read into a turn and written from a reply; three pure functions a file."""
