"""What a Tandem does while its parts fail, with real processes: a `tandem up` before a scripted engine.

    python -m bench.faults [--disconnects 500] [--streams 100] [--seed 1]

The engine is killed, stands still, is slow, breaks off and talks nonsense; clients leave; the server is told to stop with streams
under way; its store is locked, and its disk full. Every figure stands beside its limit; exit code 1 if one is over.
"""

import argparse
import asyncio
import json
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.fault_clients import (
    ASKED,
    Left,
    Reply,
    ScriptedEngine,
    Served,
    ask,
    leave,
    scripted_engine,
    served_with,
    told_after,
    until,
)
from bench.faulty_engine import TRUE
from bench.machine import machine
from tandem.settings import EngineSettings

_RESULT = Path(__file__).parent / "results" / "faults.json"
_AT_ONCE = 16
_MORE = f"{TRUE} And then some more of it follows here."
_SPOKEN = len(TRUE.split()) + 3
"""Tokens after which the first sentence was shown."""

GRACE_S = 12
PATIENT = {
    "SERVER__SHUTDOWN_GRACE_S": GRACE_S,
    "ENGINE__FIRST_TOKEN_TIMEOUT_S": 30,
    "ENGINE__TOKEN_TIMEOUT_S": 30,
}
"""Of a server whose streams are many and all begin at once."""

USUAL = {
    name: EngineSettings.model_fields[name.removeprefix("ENGINE__").lower()].default
    for name in ("ENGINE__FIRST_TOKEN_TIMEOUT_S", "ENGINE__TOKEN_TIMEOUT_S")
}
"""Of a server that waits for the engine as it does by default."""

BEFORE = {
    "reset": {},
    "hang_headers": {},
    "hang_stream": {},
    "status": {},
    "error_body": {},
    "garbage": {},
    "long_line": {},
    "wrong_model": {},
    "drop": {"after": 2},
}
"""Faults before anything was shown."""

AFTER = {"drop": {"after": _SPOKEN, "text": _MORE}, "hang_after": {"after": _SPOKEN, "text": _MORE}}
"""Faults after the first sentence."""


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--disconnects", type=int, default=500)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, scripted_engine() as engine:
        figures = measure(engine, Path(folder), arguments.disconnects, arguments.streams, arguments.seed)
    report = {
        "command": f"python -m bench.faults {' '.join(sys.argv[1:])}".strip(),
        "machine": machine(),
        "seconds": round(time.monotonic() - begun),
        "engine": "scripted: bench/faulty_engine.py",
        "figures": figures,
        "over": [name for name, figure in figures.items() if not figure["holds"]],
    }
    print(json.dumps(report, indent=2))
    arguments.out.write_text(json.dumps(report, indent=2) + "\n")
    raise SystemExit(1 if report["over"] else 0)


def measure(engine: ScriptedEngine, folder: Path, clients: int, streams: int, seed: int) -> dict[str, Any]:
    """Every figure, with its limit and whether it holds."""
    figures: dict[str, Any] = {}
    with served_with(engine, folder / "one") as server:
        replies = engine_faults(server, engine)
        slowest = max(reply.seconds for reply in replies.values())
        figures["engine_fault_seconds"] = at_most(round(slowest, 3), 1.0) | {
            "outcomes": {name: reply.outcome for name, reply in replies.items()}
        }
        dishonest = [name for name, reply in replies.items() if not reply.is_honest]
        figures["invented_answers"] = at_most(len(dishonest), 0)
        figures |= breaker(server, engine)
        figures |= killed(server, engine)
        figures |= locked(server)
        figures |= disk_full(server)
        figures |= disconnects(server, engine, clients, seed)
    engine.does("ok")
    with served_with(engine, folder / "two", **PATIENT) as server:
        figures |= drained(server, engine, streams)
    engine.does("ok")
    with served_with(engine, folder / "three", **USUAL) as server:
        figures |= frozen(server, engine)
        figures |= slow(server, engine)
    return figures


def at_most(value: float, limit: float) -> dict[str, Any]:
    """A figure beside its limit."""
    return {"value": value, "limit": limit, "holds": value <= limit}


def engine_faults(server: Served, engine: ScriptedEngine) -> dict[str, Reply]:
    """What came of one question under each fault, streamed and not."""
    replies: dict[str, Reply] = {}
    for when, faults in (("before", BEFORE), ("after", AFTER)):
        for mode, options in faults.items():
            for stream in (True, False):
                engine.does("ok")
                until(lambda: ask(server.url, stream=False).is_full, 30)
                engine.does(mode, **options)
                replies[f"{mode} {when}, {'streamed' if stream else 'whole'}"] = ask(
                    server.url, stream=stream
                )
    engine.does("ok")
    return replies


def breaker(server: Served, engine: ScriptedEngine) -> dict[str, Any]:
    """Failures until it opens, how long a question takes while it is open, and until answers are whole again."""
    until(lambda: ask(server.url, stream=False).is_full, 30)
    engine.does("status")
    failures = 0
    while server.metric("tandem_engine_breaker") == 0 and failures < 20:
        ask(server.url, stream=False)
        failures += 1
    open_ones = [ask(server.url, stream=bool(n % 2)) for n in range(10)]
    engine.does("ok")
    back = until(lambda: ask(server.url, stream=False).is_full, 30)
    return {
        "failures_until_open": at_most(failures, 5),
        "open_seconds": at_most(round(max(reply.seconds for reply in open_ones), 3), 1.0),
        "open_not_degraded": at_most(sum(not reply.is_degraded for reply in open_ones), 0),
        "recovery_seconds": at_most(round(back, 2), 15.0),
    }


def killed(server: Served, engine: ScriptedEngine) -> dict[str, Any]:
    """The engine's process is killed in the middle of a stream and comes back."""
    engine.does("ok", text="word ", times=3_000, pace_s=0.02)
    reply = Reply(200, 0.0)
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        body = _question(max_tokens=3_000)
        with http.stream("POST", "/v1/chat/completions", json=body) as response:
            for n, line in enumerate(response.iter_lines()):
                if n == 10:
                    engine.kill()
                reply.read(line)
    next_one = ask(server.url, stream=True)
    engine.start()
    back = until(lambda: ask(server.url, stream=True).is_full, 30)
    return {
        "killed_mid_stream": {
            "value": reply.error,
            "limit": "engine_failed_error",
            "holds": reply.error == "engine_failed_error" and not reply.whole,
        },
        "next_question_seconds": at_most(round(next_one.seconds, 3), 1.0) | {"outcome": next_one.outcome},
        "recovery_after_kill_seconds": at_most(round(back, 2), 15.0),
    }


def frozen(server: Served, engine: ScriptedEngine, turns: int = 5) -> dict[str, Any]:
    """The engine's process stands still, so many times: the question that finds it so, one after it, and until answers
    are whole when it runs on.
    """
    first, later, back = list[Reply](), list[Reply](), list[float]()
    for turn in range(turns):
        until(lambda: ask(server.url, stream=False).is_full, 30)
        engine.freeze()
        first.append(ask(server.url, stream=bool(turn % 2)))
        later.append(ask(server.url, stream=bool(turn % 2)))
        engine.thaw()
        back.append(until(lambda: ask(server.url, stream=False).is_full, 30))
    reasons = Counter(str(reply.tandem.get("degraded_reason")) for reply in first)
    return {
        "hung_seconds": at_most(round(max(one.seconds for one in first), 3), 1.0)
        | {"reasons": dict(reasons)},
        "hung_next_seconds": at_most(round(max(one.seconds for one in later), 3), 1.0),
        "hung_not_degraded": at_most(sum(not one.is_degraded for one in (*first, *later)), 0),
        "recovery_after_hung_seconds": at_most(round(max(back), 2), 15.0),
    }


def slow(server: Served, engine: ScriptedEngine) -> dict[str, Any]:
    """The engine takes two seconds for its first token, and says that it lives: answers are whole."""
    engine.does("ok", silent_s=2.0)
    replies = [ask(server.url, stream=bool(n % 2)) for n in range(4)]
    engine.does("ok")
    return {"slow_not_full": at_most(sum(not reply.is_full for reply in replies), 0)}


def _question(max_tokens: int) -> dict[str, Any]:
    """Of a stream whose every token is sent on."""
    message = {"role": "user", "content": ASKED}
    return {"model": "tandem:base", "messages": [message], "stream": True, "max_tokens": max_tokens}


def locked(server: Served) -> dict[str, Any]:
    """Another process holds the store's lock: answers are whole all the same, and the traces come later."""
    before = server.metric("tandem_traces_lost_total")
    with closing(sqlite3.connect(server.data_dir / "store.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        replies = [ask(server.url, stream=bool(n % 2)) for n in range(4)]
        other.execute("ROLLBACK")
    ids = [reply.tandem["trace_id"] for reply in replies]
    until(lambda: kept(server, ids) == len(ids), 15)
    return {
        "locked_store_seconds": at_most(round(max(reply.seconds for reply in replies), 3), 1.0),
        "locked_store_not_full": at_most(sum(not reply.is_full for reply in replies), 0),
        "locked_store_lost": at_most(server.metric("tandem_traces_lost_total") - before, 0),
    }


def disk_full(server: Served) -> dict[str, Any]:
    """No file of the server may grow any more: answers are whole, their traces lost and counted, until it may."""
    before = server.metric("tandem_traces_lost_total")
    process = psutil.Process(server.process.pid)
    unlimited = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (1, unlimited[1]))
    replies = [ask(server.url, stream=bool(n % 2)) for n in range(4)]
    until(lambda: server.metric("tandem_traces_lost_total") - before >= len(replies), 15)
    process.rlimit(psutil.RLIMIT_FSIZE, unlimited)
    last = ask(server.url, stream=False)
    until(lambda: kept(server, [last.tandem["trace_id"]]) == 1, 15)
    return {
        "full_disk_seconds": at_most(round(max(reply.seconds for reply in replies), 3), 1.0),
        "full_disk_not_full": at_most(sum(not reply.is_full for reply in (*replies, last)), 0),
    }


def kept(server: Served, ids: list[str]) -> int:
    """How many of these traces are in the store."""
    with closing(sqlite3.connect(f"file:{server.data_dir / 'store.sqlite3'}?mode=ro", uri=True)) as store:
        marks = ", ".join("?" * len(ids))
        query = f"SELECT count(*) FROM traces WHERE id IN ({marks})"
        return int(store.execute(query, ids).fetchone()[0])


def disconnects(server: Served, engine: ScriptedEngine, clients: int, seed: int) -> dict[str, Any]:
    """Clients leave at random moments; how long after it the engine is told to stop."""
    engine.does("ok", text="word ", times=5_000, pace_s=0.01)
    left = asyncio.run(_leaving(server.port, clients, random.Random(seed)))
    time.sleep(1.0)
    told = told_after(left, engine.asked())
    engine.does("ok")
    late = Counter(one.where for one in left if (after := told[one.ref]) is None or after > 0.5)
    known = sorted(after for after in told.values() if after is not None)
    return {
        "disconnects_not_told_in_500_ms": at_most(late.total(), 0)
        | {
            "clients": len(left),
            "reached_the_engine": len({one["ref"] for one in engine.asked()} & set(told)),
            "p99_ms": round(known[int(0.99 * (len(known) - 1))] * 1000, 1),
            "late": dict(late),
        }
    }


async def _leaving(port: int, clients: int, rng: random.Random) -> list[Left]:
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(ref: int) -> Left:
        async with free:
            return await leave(port, ref, random.Random(rng.random()))

    return list(await asyncio.gather(*(one(ref) for ref in range(clients))))


def drained(server: Served, engine: ScriptedEngine, streams: int) -> dict[str, Any]:
    """SIGTERM with streams under way, half of which could not end in time."""
    engine.does("ok", text="word ", times=5_000, pace_s=0.05)
    replies, unready, closed, exited = asyncio.run(_drained(server, streams))
    ended = Counter("complete" if reply.whole else reply.error or "broken off" for reply in replies)
    good = ended["complete"] + ended["server_draining_error"]
    return {
        "streams_without_a_proper_end": at_most(len(replies) - good, 0) | {"ends": dict(ended)},
        "exit_code": at_most(abs(server.process.returncode), 0),
        "exit_seconds": at_most(round(exited, 2), GRACE_S),
        "unready_before_closed_seconds": at_most(round(closed - unready, 3), 1.0)
        | {"unready": round(unready, 3)},
    }


async def _drained(server: Served, streams: int) -> tuple[list[Reply], float, float, float]:
    """The streams, and seconds from the signal until unready, until the listener was closed, until the exit."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, trust_env=False, limits=limits) as http:
        begun = asyncio.Semaphore(0)
        running = [asyncio.create_task(_stream(http, 40 if n % 2 else 4_000, begun)) for n in range(streams)]
        for _ in running:
            await begun.acquire()
        server.process.send_signal(signal.SIGTERM)
        signalled = time.monotonic()
        unready = closed = 0.0
        while not closed:
            try:
                ready = (await http.get("/readyz", headers={"connection": "close"})).is_success
                unready = unready or (0.0 if ready else time.monotonic() - signalled)
            except httpx.TransportError:
                closed = time.monotonic() - signalled
            await asyncio.sleep(0.01)
        replies = list(await asyncio.gather(*running))
    await asyncio.to_thread(server.process.wait, 60)
    return replies, unready, closed, time.monotonic() - signalled


async def _stream(http: httpx.AsyncClient, tokens: int, begun: asyncio.Semaphore) -> Reply:
    body = _question(max_tokens=tokens)
    reply, told = Reply(0, 0.0), False
    with suppress(httpx.TransportError):
        async with http.stream("POST", "/v1/chat/completions", json=body) as response:
            reply.status = response.status_code
            if not response.is_success:
                reply.error = f"status {response.status_code}"
            async for line in response.aiter_lines():
                reply.read(line)
                if not told:
                    begun.release()
                    told = True
    return reply


if __name__ == "__main__":
    main()
