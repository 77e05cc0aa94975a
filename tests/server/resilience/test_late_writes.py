"""Writes that hold no answer back."""

import asyncio
import threading
import time

from server.resilience import LateWrites
from tandem.errors import StorageError


async def test_a_quick_write_is_made_when_the_call_returns() -> None:
    made: list[int] = []
    await LateWrites().write(lambda: made.append(1), lambda: made.append(-1))
    assert made == [1]


async def test_a_slow_write_is_made_later() -> None:
    made, lost, go = [], [], threading.Event()
    writes = LateWrites(wait_s=0.05)

    def slow() -> None:
        assert go.wait(10)
        made.append(1)

    begun = time.monotonic()
    await writes.write(slow, lambda: lost.append(1))
    assert time.monotonic() - begun < 5
    assert made == []
    go.set()
    await writes.close(10)
    assert (made, lost) == ([1], [])


async def test_a_write_that_fails_is_counted_and_raises_nothing() -> None:
    lost: list[str] = []

    def refused() -> None:
        raise StorageError("The disk is full")

    def broken() -> None:
        raise ZeroDivisionError

    for write in (refused, broken):
        await LateWrites().write(write, lambda: lost.append("lost"))
    assert lost == ["lost", "lost"]


async def test_few_threads_wait_for_the_store_and_what_is_too_much_is_lost() -> None:
    go, lost, running = threading.Event(), [], [0]

    def slow() -> None:
        running[0] += 1
        assert go.wait(10)

    writes = LateWrites(wait_s=0.01, most=6)
    for _ in range(8):
        await writes.write(slow, lambda: lost.append(1), wait=False)
    async with asyncio.timeout(10):
        while running[0] < 4:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # a fifth would begin now
    assert running[0] == 4
    assert len(lost) == 2
    go.set()
    await writes.close(10)
    assert running[0] == 6


async def test_at_the_end_what_cannot_be_written_is_lost() -> None:
    go, lost = threading.Event(), []
    writes = LateWrites(wait_s=0.01)
    for _ in range(5):
        await writes.write(lambda: go.wait(10), lambda: lost.append(1))
    await writes.close(0.05)
    await asyncio.sleep(0.05)
    assert len(lost) == 5
    go.set()
