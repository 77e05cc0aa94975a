"""Real processes with faults: a `tandem up` before a scripted engine. `python -m bench.faults` has the full counts.

Times are compared with far more than their limits, so that only what hangs or waits for a timeout fails here.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running import environment_for

from bench.fault_clients import ScriptedEngine, Served, ask, scripted_engine, served_with, until
from bench.faults import (
    BEFORE,
    GRACE_S,
    PATIENT,
    USUAL,
    breaker,
    disconnects,
    disk_full,
    drained,
    engine_faults,
    frozen,
    killed,
    locked,
    slow,
)


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedEngine]:
    with scripted_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def server(engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_with(engine, tmp_path_factory.mktemp("faults")) as server:
        yield server


def values(figures: dict, *names: str) -> list:
    return [figures[name]["value"] for name in names]


def test_no_fault_of_the_engine_brings_an_invented_answer_or_a_long_wait(server, engine) -> None:
    replies = engine_faults(server, engine)
    before = {name.split(" ")[0]: reply for name, reply in replies.items() if " before, " in name}
    assert set(before) == set(BEFORE)
    assert {name: reply.outcome for name, reply in before.items()} == dict.fromkeys(BEFORE, "degraded")
    after = [reply for name, reply in replies.items() if " after, " in name]
    assert {reply.outcome for reply in after} == {"engine_failed_error"}
    assert [name for name, reply in replies.items() if not reply.is_honest] == []
    assert max(reply.seconds for reply in replies.values()) < 10


def test_an_engine_that_fails_is_left_alone_and_answers_are_whole_when_it_is_back(server, engine) -> None:
    figures = breaker(server, engine)
    assert values(figures, "failures_until_open", "open_not_degraded") == [5, 0]
    assert figures["recovery_seconds"]["value"] < 30


def test_an_engine_that_is_killed_mid_stream_ends_it_typed_and_the_next_question_gets_passages(
    server, engine
) -> None:
    figures = killed(server, engine)
    assert figures["killed_mid_stream"]["holds"]
    assert figures["next_question_seconds"]["outcome"] == "degraded"


def test_an_engine_that_stands_still_is_not_waited_for_and_one_that_is_slow_is(
    engine, tmp_path: Path
) -> None:
    engine.does("ok")
    with served_with(engine, tmp_path, **USUAL) as server:
        figures = frozen(server, engine, turns=2) | slow(server, engine)
    assert values(figures, "hung_not_degraded", "slow_not_full") == [0, 0]
    assert set(figures["hung_seconds"]["reasons"]) == {"hung"}
    assert figures["hung_seconds"]["value"] < USUAL["ENGINE__FIRST_TOKEN_TIMEOUT_S"] / 2
    assert figures["recovery_after_hung_seconds"]["value"] < 30


def test_a_store_that_another_process_has_locked_costs_no_answer_and_no_trace(server) -> None:
    figures = locked(server)
    assert values(figures, "locked_store_not_full", "locked_store_lost") == [0, 0]
    assert figures["locked_store_seconds"]["value"] < 8  # the store waits 10 s for a lock


def test_a_full_disk_costs_traces_and_no_answer(server) -> None:
    figures = disk_full(server)
    assert values(figures, "full_disk_not_full") == [0]


def test_the_engine_is_told_of_each_client_that_leaves(server, engine) -> None:
    told = disconnects(server, engine, clients=24, seed=7)["disconnects_not_told_in_500_ms"]
    assert told["reached_the_engine"] > 0
    assert told["p99_ms"] < 5_000
    assert ask(server.url, stream=False).is_full


def test_a_stop_ends_every_stream_properly_and_in_time(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.does("ok")
    with served_with(engine, tmp_path, **PATIENT) as server:
        figures = drained(server, engine, streams=20)
    ends = figures["streams_without_a_proper_end"]["ends"]
    assert ends == {"complete": 10, "server_draining_error": 10}
    assert values(figures, "exit_code") == [0]
    assert figures["exit_seconds"]["value"] < GRACE_S + 10
    unready = figures["unready_before_closed_seconds"]
    assert 0 < unready["unready"] < unready["unready"] + unready["value"]


def test_a_second_signal_cuts_what_runs(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.does("ok")
    with served_with(engine, tmp_path, SERVER__SHUTDOWN_GRACE_S=300, SERVER__DRAIN_S=300) as server:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not httpx.get(f"{server.url}/readyz", trust_env=False).is_success, 10)
        assert ask(server.url, stream=False).is_full
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)


def test_a_data_folder_that_cannot_be_written_is_told_at_the_start() -> None:
    """`/proc` takes no folder of anybody, root or not."""
    environment = environment_for(Path("/proc/tandem"), TANDEM_ENGINE__ADDRESS="http://127.0.0.1:9")
    command = [sys.executable, "-m", "tandem", "up", "--no-demo"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "/proc/tandem" in done.stderr
    assert "Traceback" not in done.stderr
