import time
from collections.abc import AsyncIterator

import pytest
from fake_vllm import DONE, FakeVllm, Handler, event, say

from tandem.engine import EngineClient, Sampling
from tandem.engine.chat_stream import data_of_events
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
