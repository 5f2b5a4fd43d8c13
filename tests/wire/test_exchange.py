"""What an exchange asks of the server: not one message more than it needs."""

import asyncio

import pytest

from outcrop.wire.errors import ClientDisconnected, SerializationException
from outcrop.wire.exchange import Exchange


class Server:
    """Hands out `messages`, then keeps whoever asks for more waiting."""

    def __init__(self, *messages: dict) -> None:
        self.messages, self.asked = list(messages), 0

    async def receive(self) -> dict:
        self.asked += 1
        if not self.messages:
            await asyncio.Event().wait()
        return self.messages.pop(0)


def exchange(server: Server, length: int) -> Exchange:
    headers = [(b"content-length", str(length).encode())]
    scope = {"method": "POST", "path": "/", "query_string": b"", "headers": headers}
    return Exchange(scope, server.receive, server.receive)


def chunk(data: bytes, more: bool = True) -> dict:
    return {"type": "http.request", "body": data, "more_body": more}


async def test_a_body_cut_short_is_refused() -> None:
    with pytest.raises(SerializationException):
        await exchange(Server(chunk(b"{"), chunk(b"", more=False)), 2).body(10, 1)


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_gone() -> None:
    with pytest.raises(ClientDisconnected):
        await exchange(Server(chunk(b"{"), {"type": "http.disconnect"}), 2).body(10, 1)


async def test_a_body_longer_than_declared_is_refused() -> None:
    with pytest.raises(SerializationException):
        await exchange(Server(chunk(b"{}}")), 2).body(10, 1)


async def test_a_body_is_whole_when_its_declared_length_is_here() -> None:
    server = Server(chunk(b"{"), chunk(b"}"))
    assert await exchange(server, 2).body(10, 0.2) == b"{}" and server.asked == 2


async def test_a_quick_answer_is_not_watched_for_a_client_that_hangs_up() -> None:
    server = Server()
    async with exchange(server, 0).gone():
        await asyncio.sleep(0)
    assert server.asked == 0


async def test_a_slow_answer_is_left_when_the_client_hangs_up() -> None:
    server = Server(chunk(b"", more=False), {"type": "http.disconnect"})
    with pytest.raises(ClientDisconnected):
        async with exchange(server, 0).gone():
            await asyncio.sleep(5)
    assert server.asked == 2
