import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack

import httpx
import pytest
from fake_vllm import DONE, FakeVllm, Handler, event, say

from tandem.engine import EngineClient, Sampling
from tandem.engine.chat_stream import ChatStreams, data_of_events
from tandem.engine.own_time import punctual_timeout
from tandem.settings import EngineSettings

ASK = [{"role": "user", "content": "Who?"}]
STREAM = (
    ': a comment\ndata: {"a": "1\u2028"}\n\ndata: first\r\ndata:second\r\n\r\nid: 7\n\ndata: [DONE]\n\nrest'
)
EVENTS = ['{"a": "1\u2028"}'.encode(), b"first\nsecond", b"[DONE]"]


@pytest.fixture
async def client(fake: FakeVllm):
    client = EngineClient(fake.address, EngineSettings(token_timeout_s=5))
    yield client
    await client.close()


async def _answer(client: EngineClient) -> str:
    return "".join([delta.text async for delta in client.chat(ASK, "base", Sampling())])


@pytest.mark.parametrize("length", [1, 2, 3, 7, 1_000])
async def test_events_are_read_wherever_the_stream_is_cut(length: int) -> None:
    stream = STREAM.encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(stream), length):
            yield stream[start : start + length]

    assert [data async for data in data_of_events(pieces())] == EVENTS


async def test_the_next_question_goes_over_the_same_connection(fake, client) -> None:
    seen: set[object] = set()

    def note(handler: Handler) -> None:
        seen.add(handler.client_address)
        say("Hello")(handler)

    fake.plays = [note]
    assert [await _answer(client) for _ in range(3)] == ["Hello"] * 3
    assert len(seen) == 1


async def test_an_engine_that_does_not_end_its_answer_is_not_waited_for(fake, client) -> None:
    def hang(handler: Handler) -> None:
        handler.stream(event("Hello"), event(None, "stop"), DONE, end=False)
        handler.server.ended.wait(30)

    fake.plays = [hang]
    begun = time.monotonic()
    assert await _answer(client) == "Hello"
    assert time.monotonic() - begun < 3


async def late() -> None:
    """Each turn of the event loop takes far longer than a connection may."""
    while True:
        await asyncio.sleep(0)
        time.sleep(0.15)  # noqa: ASYNC251 - that is what makes it late


async def test_a_connection_is_not_given_up_because_this_process_is_late(fake) -> None:
    fake.plays = [say("Hello")]
    client = EngineClient(fake.address, EngineSettings(connect_timeout_s=0.1, retries=0))
    busy = asyncio.create_task(late())
    try:
        assert await _answer(client) == "Hello"
    finally:
        busy.cancel()
        await client.close()


async def test_a_connection_that_does_not_come_is_given_up_in_time() -> None:
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):  # more than its queue holds: whoever comes now is not heard
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        chats = ChatStreams(f"http://127.0.0.1:{port}", EngineSettings(connect_timeout_s=0.2))
        begun = time.monotonic()
        with pytest.raises(httpx.ConnectTimeout):
            await anext(chats.events({}, {}))
        assert 0.15 < time.monotonic() - begun < 3
        await chats.close()


async def test_time_counts_only_while_the_loop_is_punctual() -> None:
    with pytest.raises(TimeoutError):
        async with punctual_timeout(0.1):
            await asyncio.sleep(5)
    busy = asyncio.create_task(late())
    async with punctual_timeout(0.1):
        await asyncio.sleep(0.6)
    busy.cancel()
    await asyncio.sleep(0.2)  # nothing is left that would cancel this
