import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from running import lives

from tandem.engine import Engine, EngineState, Sampling, guard
from tandem.engine.supervisor import backoff_s
from tandem.errors import ConflictError, EngineUnavailableError, SettingsError, StorageError
from tandem.settings import EngineSettings

Start = Callable[..., Awaitable[Engine]]


@pytest.fixture
async def start(tmp_path: Path, port: int, fake_python: Path, monkeypatch) -> AsyncIterator[Start]:
    """Starts an engine whose vLLM is the fake, failing as `fake` says."""
    monkeypatch.chdir(tmp_path)
    engines: list[Engine] = []

    async def begin(fake: str = "", **settings: object) -> Engine:
        own = {"python": fake_python, "port": port, "extra_args": ("--fake", fake)}
        engine = Engine(EngineSettings(**(own | settings)), tmp_path / "model", tmp_path / "data")
        engines.append(engine)
        await engine.start()
        return engine

    yield begin
    for engine in engines:
        await engine.stop()


def _log(tmp_path: Path) -> str:
    return (tmp_path / "data" / "logs" / "engine.log").read_text()


def _guards() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if guard.__file__ in one.cmdline()]


def _vllm() -> psutil.Process:
    """The fake below its guard."""
    below = _guards()[0].children(recursive=True)
    return next(one for one in below if any("fake_vllm" in part for part in one.cmdline()[:2]))


async def _until(engine: Engine, state: EngineState) -> None:
    async with asyncio.timeout(30):
        while engine.state is not state:  # the engine has no public event
            await asyncio.sleep(0.01)


async def test_an_engine_starts_gets_ready_and_stops_with_nothing_left(tmp_path, start: Start) -> None:
    engine = await start("child")
    assert engine.state is EngineState.STARTING
    await engine.wait_ready()
    assert engine.state is EngineState.READY
    below = [*_guards(), *_guards()[0].children(recursive=True)]
    assert len(below) >= 3
    await engine.stop()
    assert engine.state is EngineState.STOPPED
    assert not any(map(lives, below))
    with pytest.raises(EngineUnavailableError):
        await engine.wait_ready()


async def test_the_log_has_what_vllm_says_and_the_one_before_is_kept(tmp_path, start: Start) -> None:
    for _ in range(2):
        engine = await start()
        await engine.wait_ready()
        await engine.stop()
    log = _log(tmp_path)
    assert log.count("fake vllm starts") == 1
    assert (tmp_path / "data" / "logs" / "engine.log.1").read_text().count("fake vllm starts") == 1
    arguments = json.loads(log.splitlines()[0].partition(": ")[2])
    assert arguments[arguments.index("--model") + 1] == str(tmp_path / "model")


async def test_an_engine_that_dies_is_started_again(tmp_path, start: Start) -> None:
    engine = await start()
    await engine.wait_ready()
    _vllm().kill()
    await _until(engine, EngineState.RESTARTING)
    await engine.wait_ready()
    assert _log(tmp_path).count("fake vllm starts") == 2
    assert engine.failure is None


async def test_an_engine_whose_guard_is_killed_is_started_again(tmp_path, start: Start) -> None:
    engine = await start()
    await engine.wait_ready()
    vllm = _vllm()
    os.kill(vllm.ppid(), signal.SIGKILL)
    await _until(engine, EngineState.RESTARTING)
    await engine.wait_ready()
    assert not lives(vllm)


async def test_an_engine_that_computes_is_waited_for_and_one_that_is_stopped_is_not(start: Start) -> None:
    engine = await start("busy", silence_s=0.1, alive_timeout_s=0.3, retries=0)
    await engine.wait_ready()
    client = engine.replicas[0].client
    asked = [{"role": "user", "content": "Hi"}]
    said = [delta.text async for delta in client.chat(asked, "base", Sampling())]
    assert "".join(said) == "Hello there"
    vllm = _vllm()
    vllm.suspend()
    with pytest.raises(EngineUnavailableError) as caught:
        async with asyncio.timeout(10):  # not the 20 s of a first token
            await anext(client.chat(asked, "base", Sampling()))
    assert caught.value.reason == "hung"
    vllm.resume()


async def test_health_makes_earlier_failures_forgotten(tmp_path, start: Start) -> None:
    engine = await start("dies-once", max_restarts=1)
    await engine.wait_ready()
    _vllm().kill()
    await _until(engine, EngineState.RESTARTING)
    await engine.wait_ready()


async def test_an_engine_that_keeps_dying_is_given_up_with_the_end_of_its_log(start: Start) -> None:
    engine = await start("dies", max_restarts=1)
    with pytest.raises(EngineUnavailableError, match="exit code 3"):
        await engine.wait_ready()
    assert engine.state is EngineState.FAILED
    assert engine.failure is not None
    assert engine.failure.startswith("vLLM ended with exit code 3")
    assert "ValueError: the weights are missing" in engine.failure


async def test_an_engine_that_never_gets_healthy_is_ended(start: Start) -> None:
    engine = await start("sick", max_restarts=0, start_timeout_s=1)
    with pytest.raises(EngineUnavailableError, match="not healthy after 1 s"):
        await engine.wait_ready()
    assert not _guards()


def test_the_wait_before_a_restart_doubles_up_to_30_seconds() -> None:
    assert [backoff_s(failures) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


async def test_a_port_in_use_is_refused_before_anything_is_started(tmp_path, port: int, start: Start) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConflictError) as caught:
        await start()
    assert caught.value.param == "engine.port"
    assert not (tmp_path / "data").exists()


async def test_a_missing_interpreter_is_refused_with_what_to_do(tmp_path, start: Start) -> None:
    with pytest.raises(SettingsError, match="missing") as caught:
        await start(python=tmp_path / "nothing" / "python")
    assert caught.value.param == "engine.python"
    assert "make setup" in (caught.value.hint or "")


async def test_a_missing_adapter_is_refused_before_anything_is_started(tmp_path, start: Start) -> None:
    with pytest.raises(SettingsError, match="law"):
        await start(adapters={"law": tmp_path / "nothing"})


async def test_a_log_that_cannot_be_written_is_a_storage_error(tmp_path, start: Start) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"engine\.log"):
        await start()


@asynccontextmanager
async def _following(address: str, tmp_path: Path, **settings: object) -> AsyncIterator[Engine]:
    engine = Engine(EngineSettings(address=address, **settings), None, tmp_path / "data")
    await engine.start()
    yield engine
    await engine.stop()


async def test_an_engine_at_an_address_is_watched_and_not_started(tmp_path, fake) -> None:
    async with _following(fake.address, tmp_path) as engine:
        await engine.wait_ready()
        assert not _guards()
        fake.healthy = False
        await _until(engine, EngineState.RESTARTING)
        fake.healthy = True
        await engine.wait_ready()
    assert fake.healthy
    assert not (tmp_path / "data").exists()


async def test_the_wait_for_an_engine_at_an_address_has_an_end(tmp_path, port: int) -> None:
    async with _following(f"http://127.0.0.1:{port}", tmp_path, start_timeout_s=0.3) as engine:
        with pytest.raises(EngineUnavailableError) as caught:
            await engine.wait_ready()
        assert caught.value.param == "engine.address"
