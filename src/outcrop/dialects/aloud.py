"""Reasoning said aloud: as words of the answer between two tags, for bodies that have no other place for it.

Is no dialect and knows none.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from ..turn import Block, Delta, Reply


class Tags(NamedTuple):
    opening: str
    closing: str


def reply(said: Reply, tags: Tags) -> Reply:
    """The answer with its reasoning among its words."""
    content = [_block(block, tags) for block in said["message"]["content"]]
    return {**said, "message": {"role": said["message"]["role"], "content": content}}


def _block(block: Block, tags: Tags) -> Block:
    if "reasoningContent" not in block:
        return block
    return {"text": tags.opening + block["reasoningContent"]["reasoningText"]["text"] + tags.closing}


async def deltas(said: AsyncGenerator[Delta, None], tags: Tags) -> AsyncGenerator[Delta, None]:
    """The same, while it comes in. Closing it closes `said`."""
    thinking = False
    async with aclosing(said):
        async for delta in said:
            index = next(iter(delta.values())).get("contentBlockIndex", 0)
            if thought := _thought(delta):
                yield _words(thought if thinking else tags.opening + thought, index)
                thinking = True
                continue
            if thinking and "contentBlockStop" in delta:
                yield _words(tags.closing, index)
                thinking = False
            yield delta


def _thought(delta: Delta) -> str:
    return delta.get("contentBlockDelta", {}).get("delta", {}).get("reasoningContent", {}).get("text", "")


def _words(text: str, index: int) -> Delta:
    return {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": index}}
