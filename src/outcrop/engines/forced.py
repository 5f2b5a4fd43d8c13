"""A tool call that arrives as one JSON object, read while it streams.

Knows nothing of engines: text in, pieces of the call's arguments out.
"""

from __future__ import annotations

import re

HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"\\]+)"\s*,\s*"arguments"\s*:\s*')
TAIL = re.compile(r"\}\s*$")


class ForcedCall:
    """Reads `{"name": NAME, "arguments": {...}}`; gives NAME and the text of the arguments piece by piece.

    The last closing brace seen is always held back: at the end it is the one that closes the outer object.
    """

    def __init__(self) -> None:
        self.name = ""
        self.held = ""
        self.begun = False

    def feed(self, text: str) -> list[tuple[str, str]]:
        """The (name, piece) pairs that `text` completes; the first has an empty piece and announces the name."""
        self.held += text
        pieces: list[tuple[str, str]] = []
        if not self.name:
            head = HEAD.match(self.held)
            if head is None:
                return []
            self.name, self.held = head[1], self.held[head.end() :]
            pieces.append((self.name, ""))
        if not self.begun:  # Anthropic's SDK parses what it has so far, and space alone is not JSON
            self.held = self.held.lstrip()
            self.begun = bool(self.held)
        tail = TAIL.search(self.held)
        cut = tail.start() if tail else len(self.held)
        if cut:
            pieces.append((self.name, self.held[:cut]))
            self.held = self.held[cut:]
        return pieces
