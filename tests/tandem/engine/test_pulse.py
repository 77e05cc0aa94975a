"""An engine that keeps questions waiting: one that hangs is told from one that is busy."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from fake_vllm import FakeVllm, Handler, Play, event, hang_after, refuse, say

from bench.fault_clients import ScriptedEngine, scripted_engine
from tandem.breaker import BreakerState
from tandem.engine import EngineClient, Sampling
from tandem.errors import EngineUnavailableError
from tandem.settings import EngineSettings

ASK = [{"role": "user", "content": "Who?"}]
SOON = {"silence_s": 0.1, "alive_timeout_s": 0.3, "first_token_timeout_s": 20, "retries": 0}


def after(seconds: float, play: Play) -> Play:
    """What it does, but not at once, or when the test ends."""

    def late(handler: Handler) -> None:
        handler.server.ended.wait(seconds)
        play(handler)

    return late


NEVER = after(30, say())
ALIVE = refuse(200, b"")


@asynccontextmanager
async def asking(address: str, **settings: object) -> AsyncIterator[EngineClient]:
    client = EngineClient(address, EngineSettings.model_validate(SOON | settings))
    try:
        yield client
    finally:
        await client.close()


async def said(client: EngineClient) -> str:
    return "".join([delta.text async for delta in client.chat(ASK, "base", Sampling())])


async def outcome(client: EngineClient) -> str:
    try:
        return await said(client)
    except EngineUnavailableError as error:
        return error.reason


@pytest.fixture
def process() -> Iterator[ScriptedEngine]:
    with scripted_engine() as engine:
        yield engine


def frozen(engine: ScriptedEngine) -> Callable[[], None]:
    """Stops the process, which the system goes on to accept connections for; gives back what lets it run on."""
    process: subprocess.Popen[bytes] = engine.process  # type: ignore[assignment]
    process.send_signal(signal.SIGSTOP)
    return lambda: process.send_signal(signal.SIGCONT)


async def test_a_process_that_stands_still_is_left_alone_soon_and_asked_again_when_it_runs_on(
    process: ScriptedEngine,
) -> None:
    async with asking(process.url, silence_s=0.35, alive_timeout_s=0.5, breaker_retry_s=0.2) as client:
        whole = await said(client)
        run_on = frozen(process)
        begun = time.monotonic()
        first = [outcome(client) for _ in range(5)]
        assert await asyncio.gather(*first) == ["hung"] * 5
        assert time.monotonic() - begun < 10, "not for the 20 s of a first token"
        assert await outcome(client) == "breaker_open"
        run_on()
        async with asyncio.timeout(20):
            while not client.breaker.is_closed:
                await asyncio.sleep(0.02)
        assert await said(client) == whole


async def test_one_that_answers_is_waited_for_however_slow_its_first_token(fake: FakeVllm) -> None:
    fake.plays = [after(1.5, say("at last"))]
    async with asking(fake.address) as client:
        assert await said(client) == "at last"
        assert client.breaker.is_closed
    assert fake.looked_at > 1, "once is not enough: it may hang later"


async def test_it_is_not_asked_while_nobody_waits(fake: FakeVllm) -> None:
    async with asking(fake.address, silence_s=0.3) as client:
        assert await said(client) == "Hello there"
        await asyncio.sleep(0.5)
    assert fake.looked_at == 0


async def test_all_that_wait_share_one_look_and_one_verdict(fake: FakeVllm) -> None:
    fake.plays, fake.health = [hang_after()], [NEVER]
    async with asking(fake.address) as client:
        early = [asyncio.create_task(outcome(client)) for _ in range(10)]
        await asyncio.sleep(0.25)
        late = asyncio.create_task(outcome(client))
        assert await asyncio.gather(*early, late) == ["hung"] * 11
        assert client.breaker.state is BreakerState.OPEN
        assert fake.looked_at == 2


async def test_an_answer_that_has_begun_is_not_ended_by_the_verdict(fake: FakeVllm) -> None:
    def slowly(handler: Handler) -> None:
        handler.stream(event("So "), end=False)
        handler.server.ended.wait(1.0)
        handler.chunk(event("it is."))
        handler.chunk(event(None, "stop"))
        handler.chunk(b"data: [DONE]\n\n")

    fake.plays, fake.health = [slowly, hang_after()], [NEVER]
    async with asking(fake.address) as client:
        begun = client.chat(ASK, "base", Sampling())
        first = await anext(begun)
        assert await outcome(client) == "hung"
        assert first.text + "".join([delta.text async for delta in begun]) == "So it is."


@pytest.mark.parametrize(
    "looks",
    [
        [NEVER, ALIVE],
        [after(0.25, ALIVE)],
        [refuse(404, {"error": {"message": "no such path"}})],
        [refuse(503, b"")],
    ],
    ids=["the first request is lost", "it takes long", "it has no such path", "it says that it is ill"],
)
async def test_a_busy_engine_is_not_taken_for_one_that_hangs(fake: FakeVllm, looks: list[Play]) -> None:
    fake.plays, fake.health = [after(1.0, say("here"))], looks
    async with asking(fake.address, alive_timeout_s=1.0) as client:
        assert await said(client) == "here"


async def test_one_that_writes_for_somebody_is_alive_though_it_does_not_say_so(fake: FakeVllm) -> None:
    def steadily(handler: Handler) -> None:
        handler.stream(event(""), end=False)
        while not handler.server.ended.wait(0.05):
            handler.chunk(event("x"))

    fake.plays, fake.health = [steadily, after(1.5, say("here"))], [NEVER]
    async with asking(fake.address) as client:
        other = client.chat(ASK, "base", Sampling())
        await anext(other)
        reading = asyncio.create_task(_read(other))
        assert await said(client) == "here"
        reading.cancel()
        await asyncio.wait([reading])
        await other.aclose()


async def _read(deltas: object) -> None:
    async for _ in deltas:  # type: ignore[attr-defined]
        pass


@pytest.mark.parametrize(("late", "expected"), [(True, "here"), (False, "hung")])
async def test_moments_at_which_this_process_is_late_do_not_count(
    fake: FakeVllm, late: bool, expected: str
) -> None:
    fake.plays, fake.health = [after(2.2, say("here"))], [after(1.4, ALIVE)]
    async with asking(fake.address, alive_timeout_s=0.6) as client:
        answer = asyncio.create_task(outcome(client))
        while not fake.looked_at:
            await asyncio.sleep(0.01)
        begun = time.monotonic()
        while late and time.monotonic() - begun < 2.0:
            time.sleep(0.2)  # noqa: ASYNC251  # what a long computation on the loop does
            await asyncio.sleep(0)
        assert await answer == expected


@pytest.mark.parametrize(("health", "expected"), [(ALIVE, "here"), (NEVER, "hung")], ids=["alive", "hung"])
async def test_no_look_leaves_a_connection_behind(fake: FakeVllm, health: Play, expected: str) -> None:
    fake.plays, fake.health = [after(1.5, say("here"))], [health]
    async with asking(fake.address, silence_s=0.01, alive_timeout_s=0.1) as client:
        assert await outcome(client) == expected
        await asyncio.sleep(0.1)
        left = client.pulse._http._transport._pool.connections  # type: ignore[attr-defined]
        assert [one for one in left if not one.is_idle()] == []
    assert fake.looked_at >= (20 if expected == "here" else 2)


async def test_above_the_time_for_a_first_token_it_is_never_asked(fake: FakeVllm) -> None:
    fake.plays = [hang_after()]
    async with asking(fake.address, silence_s=5, first_token_timeout_s=0.3) as client:
        assert await outcome(client) == "hung"
        assert client.breaker.is_closed
    assert fake.looked_at == 0
