"""The queue: its bound, its order, and what a waiter that goes away leaves behind (nothing)."""

import asyncio

import pytest

from outcrop.engines.turnstile import Turnstile
from outcrop.errors import ThrottlingException


class Crowd:
    """Callers at one turnstile, each held until told to go."""

    def __init__(self, turnstile: Turnstile) -> None:
        self.turnstile, self.through = turnstile, []
        self.go: dict[str, asyncio.Event] = {}

    async def come(self, name: str, tokens: int = 0) -> asyncio.Task:
        self.go[name] = asyncio.Event()
        task = asyncio.create_task(self._pass(name, tokens))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    async def _pass(self, name: str, tokens: int) -> None:
        async with self.turnstile.place(), self.turnstile.turn(tokens):
            self.through.append(name)
            await self.go[name].wait()


async def test_past_the_bound_is_throttled_and_takes_nothing():
    crowd = Crowd(Turnstile(slots=1, waiting=1))
    first, second = await crowd.come("a"), await crowd.come("b")
    with pytest.raises(ThrottlingException, match="please wait before trying again"):
        await (await crowd.come("c"))
    assert (crowd.turnstile.active, crowd.turnstile.waiting) == (1, 1)
    crowd.go["a"].set(), crowd.go["b"].set()
    await asyncio.gather(first, second)
    assert crowd.through == ["a", "b"]
    assert crowd.turnstile.taken == 0 and crowd.turnstile.empty.is_set()


async def test_first_come_first_served():
    crowd = Crowd(Turnstile(slots=1, waiting=20))
    names = [f"{i:02}" for i in range(12)]
    tasks = [await crowd.come(name) for name in names]
    for name in names:
        crowd.go[name].set()
    await asyncio.gather(*tasks)
    assert crowd.through == names


async def test_a_waiter_that_leaves_frees_its_place_and_holds_nobody_up():
    crowd = Crowd(Turnstile(slots=1, waiting=2))
    first, second, third = [await crowd.come(name) for name in "abc"]
    second.cancel()
    await asyncio.wait([second])
    assert crowd.turnstile.waiting == 1
    fourth = await crowd.come("d")
    for name in "acd":
        crowd.go[name].set()
    await asyncio.gather(first, third, fourth)
    assert crowd.through == ["a", "c", "d"]


async def test_a_waiter_cancelled_in_the_moment_it_is_woken_passes_the_turn_on():
    crowd = Crowd(Turnstile(slots=1, waiting=5))
    first, second, third = [await crowd.come(name) for name in "abc"]
    crowd.go["a"].set()
    await first  # second's wake-up is under way now
    second.cancel()
    crowd.go["b"].set(), crowd.go["c"].set()
    await asyncio.wait_for(third, 20)
    await asyncio.wait([second])
    assert crowd.turnstile.taken == 0 and crowd.turnstile.active == 0


async def test_an_active_caller_that_is_cancelled_lets_the_next_in():
    crowd = Crowd(Turnstile(slots=1, waiting=1))
    first, second = await crowd.come("a"), await crowd.come("b")
    first.cancel()
    crowd.go["b"].set()
    await asyncio.wait_for(second, 20)
    assert crowd.through == ["a", "b"]


async def test_callers_that_share_a_cache_run_together_as_far_as_they_fit():
    crowd = Crowd(Turnstile(slots=8, waiting=8))
    crowd.turnstile.room = 100
    tasks = [await crowd.come(name, tokens) for name, tokens in [("a", 60), ("b", 40), ("big", 90), ("small", 1)]]
    assert crowd.through == ["a", "b"], "a small one does not pass a big one that waits"
    crowd.go["a"].set()
    await tasks[0]
    assert crowd.through == ["a", "b"]
    crowd.go["b"].set()
    await tasks[1]
    assert crowd.through == ["a", "b", "big", "small"]
    crowd.go["big"].set(), crowd.go["small"].set()
    await asyncio.gather(*tasks)
    assert crowd.turnstile.used == crowd.turnstile.active == 0


async def test_one_that_asks_for_more_than_there_is_runs_alone():
    crowd = Crowd(Turnstile(slots=8, waiting=8))
    crowd.turnstile.room = 100
    tasks = [await crowd.come("a", 5000), await crowd.come("b", 1)]
    assert crowd.through == ["a"]
    crowd.go["a"].set(), crowd.go["b"].set()
    await asyncio.gather(*tasks)


async def test_a_big_waiter_that_leaves_lets_those_behind_it_in():
    crowd = Crowd(Turnstile(slots=8, waiting=8))
    crowd.turnstile.room = 100
    first, big, small = await crowd.come("a", 60), await crowd.come("big", 90), await crowd.come("small", 10)
    big.cancel()
    await asyncio.wait([big])
    await asyncio.sleep(0)
    assert crowd.through == ["a", "small"]
    crowd.go["a"].set(), crowd.go["small"].set()
    await asyncio.gather(first, small)


async def test_slots_that_are_reserved_are_kept_and_their_owners_go_first():
    turnstile, through, go = Turnstile(slots=2, waiting=0), [], asyncio.Event()
    turnstile.reserved = 1

    async def come(name: str, reserved: bool) -> None:
        async with turnstile.turn(0, reserved):
            through.append(name)
            await go.wait()

    names = [("a", False), ("b", False), ("c", True), ("d", True)]
    tasks = [asyncio.create_task(come(*name)) for name in names]
    await asyncio.sleep(0.01)
    assert through == ["a", "c"], "b waits beside a slot that is kept"
    go.set()
    await asyncio.gather(*tasks)
    assert through == ["a", "c", "d", "b"]
    assert turnstile.active == 0


async def test_a_full_house_takes_those_who_have_reserved_and_one_slot_stays_for_the_others():
    turnstile = Turnstile(slots=1, waiting=0)
    turnstile.reserved = 5
    async with turnstile.place(), turnstile.turn():
        with pytest.raises(ThrottlingException):
            async with turnstile.place():
                pass
        async with turnstile.place(reserved=True):
            pass


async def test_a_reserved_waiter_that_leaves_lets_the_others_on():
    turnstile = Turnstile(slots=1, waiting=0)
    async with turnstile.turn():
        leaving = asyncio.create_task(turnstile.turn(0, True).__aenter__())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
    async with asyncio.timeout(20), turnstile.turn():
        pass
