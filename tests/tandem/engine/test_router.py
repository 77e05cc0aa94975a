"""Several replicas behind one client; the engines are fakes that can be made to fail."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from fake_vllm import FakeVllm, cut_after, hang_after, refuse, say, send

from tandem.breaker import BreakerState
from tandem.engine import Engine, EngineRouter, EngineState, Sampling
from tandem.engine.affinity import in_order
from tandem.engine.replica import Replica
from tandem.errors import EngineFailedError, EngineUnavailableError, NotFoundError
from tandem.settings import EngineSettings

DOWN = refuse(500, {"error": {"message": "no memory", "code": 500}})


@pytest.fixture
def fakes() -> Iterator[list[FakeVllm]]:
    with ExitStack() as stack:
        yield [stack.enter_context(FakeVllm.serving()) for _ in range(3)]


class Routed:
    """A router over fakes, and what is where."""

    def __init__(self, engine: Engine, settings: EngineSettings, fakes: list[FakeVllm]) -> None:
        self.engine = engine
        self.passed_on: Counter[str] = Counter()
        self.router = EngineRouter(
            engine,
            settings,
            lambda replica, model: model == "base" or model in replica.adapters,
            lambda why: self.passed_on.update([why]),
        )
        self._fakes = {fake.address: fake for fake in fakes}

    def order(self, key: str) -> list[tuple[Replica, FakeVllm]]:
        return [(one, self._fakes[one.address]) for one in in_order(key, self.engine.replicas, 1.25)]

    async def ask(self, key: str | None = "key", model: str = "base") -> str:
        chat = self.router.chat([{"role": "user", "content": "Hi"}], model, Sampling(), affinity=key)
        return "".join([delta.text async for delta in chat])


@asynccontextmanager
async def routed(fakes: list[FakeVllm], **more: object) -> AsyncIterator[Routed]:
    addresses = tuple(fake.address for fake in fakes)
    settings = EngineSettings.model_validate({"addresses": addresses, "retries": 0, **more})
    engine = Engine(settings, None, Path("unused"))  # it starts none, so it writes no log
    await engine.start()
    try:
        async with asyncio.timeout(10):
            while not all(one.is_ready for one in engine.replicas):
                await asyncio.sleep(0.02)
        yield Routed(engine, settings, fakes)
    finally:
        await engine.stop()


async def test_one_key_meets_one_replica_and_many_keys_meet_all(fakes) -> None:
    async with routed(fakes) as made:
        for _ in range(5):
            await made.ask("corpus a")
        assert sorted(len(fake.requests) for fake in fakes) == [0, 0, 5]
        for n in range(40):
            await made.ask(f"corpus {n}")
        assert all(fake.requests for fake in fakes)
        assert not made.passed_on


async def test_a_try_that_fails_before_its_first_token_goes_to_the_next(fakes) -> None:
    async with routed(fakes) as made:
        (_, first), (_, second), (_, third) = made.order("key")
        first.plays, second.plays = [DOWN], [send()]
        third.plays = [say("here")]
        assert await made.ask() == "here"
        assert made.passed_on == {"failed": 2}
        assert all(one.asked == 0 for one in made.engine.replicas)


async def test_one_that_gives_no_sign_of_life_is_not_waited_for_and_the_next_is_asked(fakes) -> None:
    async with routed(fakes, silence_s=0.1, alive_timeout_s=0.2) as made:
        (replica, first), (_, second), _ = made.order("key")
        first.plays, first.health = [hang_after()], [lambda handler: handler.server.ended.wait(30)]
        second.plays = [say("here")]
        async with asyncio.timeout(10):  # not the 20 s of a first token
            assert await made.ask() == "here"
            assert await made.ask() == "here"
        assert (replica.client.breaker.state, len(first.requests)) == (BreakerState.OPEN, 1)


async def test_an_answer_that_has_begun_is_not_begun_again(fakes) -> None:
    async with routed(fakes) as made:
        (_, first), (_, second), _ = made.order("key")
        first.plays = [cut_after("So")]
        with pytest.raises(EngineFailedError):
            await made.ask()
        assert not second.requests


async def test_what_the_engine_refuses_is_not_asked_of_another(fakes) -> None:
    async with routed(fakes) as made:
        (_, first), (_, second), _ = made.order("key")
        first.plays = [refuse(400, {"error": {"message": "too long", "code": 400}})]
        with pytest.raises(Exception, match="too long"):
            await made.ask()
        assert not second.requests


async def test_where_all_fail_the_last_one_is_told(fakes) -> None:
    async with routed(fakes) as made:
        for fake in fakes:
            fake.plays = [DOWN]
        with pytest.raises(EngineUnavailableError, match="no memory"):
            await made.ask()


async def test_an_open_breaker_is_passed_over_and_is_no_other_replicas(fakes) -> None:
    async with routed(fakes, breaker_failures=2) as made:
        (replica, first), *_ = made.order("key")
        first.plays = [DOWN]
        for _ in range(4):
            await made.ask()
        assert replica.client.breaker.state is BreakerState.OPEN
        assert len(first.requests) == 2
        assert made.router.breaker_state is BreakerState.CLOSED


async def test_one_that_is_down_is_passed_over_and_the_engine_is_ready_while_any_is(fakes) -> None:
    async with routed(fakes) as made:
        (replica, first), (_, second), _ = made.order("key")
        first.healthy = False
        async with asyncio.timeout(10):
            while replica.is_ready:
                await asyncio.sleep(0.05)
        assert made.engine.state is EngineState.READY
        await made.ask()
        assert (len(first.requests), len(second.requests)) == (0, 1)


async def test_an_adapter_is_asked_only_where_it_is_known_to_be(fakes) -> None:
    async with routed(fakes) as made:
        *_, (last, fake) = made.order("key")
        with pytest.raises(NotFoundError):
            await made.ask(model="law@1")
        fake.adapters["law@1"] = "/a"
        last.adapters["law@1"] = 0.0
        await made.ask(model="law@1")
        assert [len(one.requests) for one in fakes if one is not fake] == [0, 0]
        assert made.passed_on == {"lacking": 1}


async def test_one_that_has_lost_an_adapter_is_asked_no_more_for_it(fakes) -> None:
    async with routed(fakes) as made:
        (lost, first), (_, second), _ = made.order("key")
        for replica, _ in made.order("key")[:2]:
            replica.adapters["law@1"] = 0.0
        second.adapters["law@1"] = "/a"
        await made.ask(model="law@1")
        await made.ask(model="law@1")
        assert (len(first.requests), len(second.requests)) == (1, 2)
        assert "law@1" not in lost.adapters


async def test_one_that_answers_with_another_model_is_doubted_and_none_of_it_is_shown(fakes) -> None:
    async with routed(fakes) as made:
        (wrong, first), (_, second), _ = made.order("key")
        for replica, fake in made.order("key")[:2]:
            replica.adapters["law@1"] = 0.0
            fake.adapters["law@1"] = "/a"
        first.plays = [lambda handler: (handler.asked.update(model="other"), say("wrong")(handler))[0]]
        second.plays = [say("right")]
        assert await made.ask(model="law@1") == "right"
        assert wrong.doubted == {"law@1"}


async def test_names_are_looked_up_again_and_a_change_keeps_the_others(fakes, monkeypatch) -> None:
    hosts = ["127.0.0.1"]
    loop = asyncio.get_running_loop()

    async def fake_lookup(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        assert host == "engine.test"
        if not hosts:
            raise OSError("no such name")
        return [(2, 1, 6, "", (one, port)) for one in hosts]

    monkeypatch.setattr(loop, "getaddrinfo", fake_lookup)
    port = fakes[0].server_address[1]
    settings = EngineSettings(address=f"http://engine.test:{port}", resolve=True, resolve_s=0.05)
    engine = Engine(settings, None, Path("unused"))

    async def until_there(*addresses: str) -> None:
        async with asyncio.timeout(5):
            while [one.address for one in engine.replicas] != [f"http://{one}:{port}" for one in addresses]:
                await asyncio.sleep(0.02)

    await engine.start()
    try:
        await until_there("127.0.0.1")
        await engine.wait_ready()
        before = engine.replicas[0]
        hosts.append("127.0.0.2")
        await until_there("127.0.0.1", "127.0.0.2")
        assert engine.replicas[0] is before
        hosts.clear()
        await asyncio.sleep(0.2)
        assert len(engine.replicas) == 2, "a name server that fails ends no replica"
        hosts.append("127.0.0.2")
        before.asked = 1
        await until_there("127.0.0.2")
        assert not before.client._openai.is_closed(), "it ends what it is writing"
        before.asked = 0
        async with asyncio.timeout(5):
            while not before.client._openai.is_closed():
                await asyncio.sleep(0.02)
    finally:
        monkeypatch.undo()
        await engine.stop()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"address": "http://a", "addresses": ["http://b"]}, "name all of them in addresses"),
        ({"resolve": True}, "resolve needs an address"),
        ({"resolve": True, "address": "https://a"}, "http only"),
    ],
)
def test_addresses_that_contradict_each_other_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EngineSettings.model_validate(wrong)
