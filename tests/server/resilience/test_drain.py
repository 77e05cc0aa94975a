"""Answers under way while a server stops."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from server.resilience import Drain
from tandem.errors import ServerDrainingError


class Answering:
    """Two events, and then none for ever; knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    async def events(self) -> AsyncGenerator[str, None]:
        try:
            yield "one"
            yield "two"
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def numbers() -> AsyncGenerator[int, None]:
    for n in range(3):
        yield n


async def test_events_come_as_they_are_also_while_the_server_is_about_to_stop() -> None:
    drain = Drain()
    assert [n async for n in drain.until_cut(numbers())] == [0, 1, 2]
    drain.begin()
    assert drain.is_draining
    assert [n async for n in drain.until_cut(numbers())] == [0, 1, 2]


async def test_what_is_waited_for_at_the_cut_ends_in_a_typed_error_and_is_closed() -> None:
    drain, answering, got = Drain(), Answering(), []
    asyncio.get_running_loop().call_later(0.05, drain.cut)
    with pytest.raises(ServerDrainingError) as caught:
        async for event in drain.until_cut(answering.events()):
            got.append(event)
    assert got == ["one", "two"]
    assert answering.closed
    assert caught.value.body()["error"]["type"] == "server_draining_error"


async def test_after_the_cut_nothing_begins_and_many_are_cut_at_once() -> None:
    drain = Drain()

    async def follow() -> str:
        try:
            async for _ in drain.until_cut(Answering().events()):
                pass
        except ServerDrainingError:
            return "cut"
        return "ended"

    running = [asyncio.create_task(follow()) for _ in range(50)]
    await asyncio.sleep(0.02)
    drain.cut()
    drain.cut()
    assert await asyncio.gather(*running) == ["cut"] * 50
    assert await follow() == "cut"


async def test_a_timeout_of_the_answer_itself_is_told_as_it_is() -> None:
    async def failing() -> AsyncGenerator[int, None]:
        yield 1
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        async for _ in Drain().until_cut(failing()):
            pass


async def test_closing_early_closes_the_answer() -> None:
    answering = Answering()
    events = Drain().until_cut(answering.events())
    assert await anext(events) == "one"
    await events.aclose()
    assert answering.closed
