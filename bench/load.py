"""Tandem under load, before a scripted engine: time to first token, a burst, overload, and a noisy neighbour.

    python -m bench.load [--overload-s 20] [--running 64] [--only steady,overload,noisy,slow]

Every part is a process of its own: the server that `tandem up` starts, with the real embedder,
Qdrant Edge and SQLite; the engine, which is a script (`bench.scripted_engine`: the first token after 100 ms, then 10
tokens a second, 50 tokens; it has no queue and no limit); and the clients (`bench.sse_load`). All share one machine.

The *added* time to first token is from sending the question until its first text comes, less what the script took
from the question's arrival until its first sentence was out. Tandem shows an answer sentence by sentence, since each
is cited, so the first text is the first sentence.

- steady: 200 chats that arrive over 10 s; then a burst of 200 at once.
- overload: capacity is what is answered a second while more is asked; then 4 times as much is asked, whatever
  becomes of it; then, 5 s after its end, 0.9 times the capacity again.
- slow (not by default): 300 clients ask and read nothing, 500 send half a request; meanwhile `/healthz` is asked.
- noisy: a tenant sends 50 times its quota for 60 s, another asks once a second; before, this one alone.
"""

import argparse
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from bench.machine import machine
from bench.overhead import free_port
from bench.served import prepared_model, wait_ready
from bench.sse_load import Chat, Seen
from tandem.keys import KeyWish, create_key
from tandem.settings import StoreSettings
from tandem.store import open_store
from tandem.vocabulary import Caller, KeyScope

ENGINE = "bench.scripted_engine: first token after 100 ms, 10 tokens a second, 50 tokens"
_RESULT = Path(__file__).parent / "results" / "load.json"
_WORDS = [
    "river",
    "garden",
    "window",
    "market",
    "teacher",
    "bridge",
    "winter",
    "summer",
    "engine",
    "library",
    "kitchen",
    "doctor",
    "village",
    "harbour",
    "letter",
    "picture",
    "silver",
    "yellow",
    "quiet",
    "early",
    "forest",
    "mountain",
    "island",
    "valley",
    "summit",
    "meadow",
    "orchard",
    "pepper",
    "copper",
    "leather",
    "travels",
    "carries",
    "opens",
    "closes",
    "finds",
    "keeps",
    "paints",
    "repairs",
    "follows",
    "answers",
    "collects",
    "measures",
    "delivers",
    "remembers",
    "visits",
    "under",
    "behind",
    "beside",
    "before",
    "after",
    "during",
    "without",
    "towards",
    "against",
    "between",
    "every",
    "second",
    "third",
    "northern",
    "southern",
    "eastern",
    "western",
    "small",
    "large",
    "narrow",
    "broad",
    "ancient",
    "modern",
    "famous",
    "hidden",
    "broken",
    "golden",
    "empty",
    "wooden",
]
_DOCUMENTS = 60
_SENTENCES = 40
_QUOTA = 60
_SLOW_READERS = 300
_HALF_SENT = 500
_LIMITS = {
    "steady_added_ms_p95": 100,
    "steady_added_ms_p99": 250,
    "steady_rss_grown_mib": 150,
    "burst_added_ms_p95": 1_000,
    "overload_goodput_of_capacity_least": 0.9,
    "overload_refusal_ms_p99": 50,
    "noisy_quiet_p95_times": 1.5,
    "noisy_of_quota": [0.95, 1.05],
}


def main() -> None:
    """Run the parts, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--overload-s", type=int, default=20)
    parser.add_argument("--noisy-s", type=int, default=60)
    parser.add_argument("--running", type=int, default=64, help="limits.running of the overload")
    parser.add_argument("--chats", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="keep model and documents there for the next run")
    parser.add_argument("--only", default="steady,overload,noisy")
    given = parser.parse_args()
    parts = given.only.split(",")
    report: dict[str, Any] = {
        "command": " ".join(["python -m bench.load", *sys.argv[1:]]),
        "machine": machine(),
        "engine": ENGINE,
        "limits": _LIMITS,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        tokenizer = prepared_model(folder)
        if "steady" in parts:
            with Tandem(folder, tokenizer, {}) as tandem:
                report |= _steady(tandem, given.chats)
        own = {
            "TANDEM_LIMITS__RUNNING": str(given.running),
            "TANDEM_LIMITS__QUEUE": str(given.running),
            "TANDEM_LIMITS__TENANTS__NOISY__REQUESTS_PER_MINUTE": str(_QUOTA),
        }
        if "slow" in parts:
            deadlines = {"TANDEM_LIMITS__SLOW_READER_S": "10", "TANDEM_LIMITS__SLOW_SENDER_S": "10"}
            with Tandem(folder, tokenizer, deadlines) as tandem:
                report["slow"] = _slow(tandem)
        if "overload" in parts or "noisy" in parts:
            with Tandem(folder, tokenizer, own) as tandem:
                if "overload" in parts:
                    report["overload"] = _overload(tandem, given.running, given.overload_s)
                if "noisy" in parts:
                    report["noisy"] = _noisy(tandem, given.noisy_s)
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


class Memory(NamedTuple):
    """The server's memory at a moment."""

    moment: float
    """Seconds of the monotonic clock."""
    resident: float
    """MiB."""
    own: float
    """MiB of it that are no pages of files: those of libraries and of the index come and go as the kernel likes."""


class Tandem:
    """A server and its engine, filled and warm; a context."""

    def __init__(self, folder: Path, tokenizer: str, settings: dict[str, str]) -> None:
        self.port, self.engine_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = (
            os.environ
            | settings
            | {
                "TANDEM_DATA_DIR": str(folder),
                "TANDEM_SERVER__PORT": str(self.port),
                "TANDEM_ENGINE__ADDRESS": f"http://127.0.0.1:{self.engine_port}",
                "TANDEM_ENGINE__TOKENIZER": tokenizer,
                "TANDEM_ANSWER__EVIDENCE": "0",  # every question reaches the engine
                "TANDEM_LOG_LEVEL": "warning",
            }
        )
        self._case = 0
        self._random = random.Random(2)

    def __enter__(self) -> "Tandem":
        engine = [sys.executable, "-m", "bench.scripted_engine", str(self.engine_port)]
        self._engine = subprocess.Popen(engine)
        server = [sys.executable, "-m", "tandem", "up", "--no-demo"]
        self._server = subprocess.Popen(server, env=self._environment, stdout=subprocess.DEVNULL)
        try:
            wait_ready(self.url, self._server)
            self._keys = {tenant: self._key(tenant) for tenant in ("default", "noisy", "quiet")}
            for key in self._keys.values():
                _fill(self.url, key)
            self.ask(self.evenly(20, 2.0))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for process in (self._server, self._engine):
            process.terminate()
            process.wait(30)

    def _key(self, tenant: str) -> str:
        folder = Path(self._environment["TANDEM_DATA_DIR"])
        with closing(open_store(StoreSettings(), folder)) as store:
            scopes = frozenset({KeyScope.CHAT, KeyScope.INGEST})
            return create_key(store, Caller(), KeyWish("load", scopes, tenant, ("*",))).text

    def evenly(self, count: int, seconds: float, key: str = "default", start: float = 0.0) -> list[Chat]:
        """Chats that arrive evenly over a time."""
        return [self._chat(start + n * seconds / count, key) for n in range(count)]

    def ask(self, chats: Sequence[Chat]) -> list[Seen]:
        """Ask them, from a process of its own."""
        plan = json.dumps({"port": self.port, "keys": self._keys, "chats": chats})
        done = subprocess.run(
            [sys.executable, "-m", "bench.sse_load"], input=plan, capture_output=True, text=True, check=True
        )
        seen: list[Seen] = json.loads(done.stdout)
        return seen

    def notes(self) -> dict[str, Any]:
        """What the script noted."""
        noted: dict[str, Any] = httpx.get(
            f"http://127.0.0.1:{self.engine_port}/notes", trust_env=False
        ).json()
        return noted

    def added_ms(self, seen: Sequence[Seen]) -> list[float]:
        """Added time to first token, of those that got one of the engine's, in order of size."""
        script = self.notes()["answers"]
        took = [
            (one["shown"] - one["sent"] - (script[str(one["case"])][1] - script[str(one["case"])][0])) / 1e6
            for one in seen
            if one["shown"] and not one["degraded"]
        ]
        return sorted(took)

    def descriptors(self) -> int:
        """Files and connections that the server has open."""
        return int(psutil.Process(self._server.pid).num_fds())

    def threads(self) -> int:
        """Threads that the server has."""
        return int(psutil.Process(self._server.pid).num_threads())

    def cpu_s(self) -> float:
        """Processor time of the server so far, in seconds."""
        spent = psutil.Process(self._server.pid).cpu_times()
        return float(spent.user + spent.system)

    @contextmanager
    def memory(self) -> Iterator[list[Memory]]:
        """The server's memory, twice a second. Linux only: see proc(5)."""
        samples: list[Memory] = []
        ended = threading.Event()
        status = Path(f"/proc/{self._server.pid}/status")

        def sample() -> None:
            while not ended.wait(0.5 if samples else 0.0):
                kib = dict(re.findall(r"(VmRSS|RssAnon):\s+(\d+) kB", status.read_text()))
                samples.append(Memory(time.monotonic(), int(kib["VmRSS"]) / 1024, int(kib["RssAnon"]) / 1024))

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield samples
        finally:
            ended.set()
            thread.join()

    def _chat(self, at: float, key: str) -> Chat:
        self._case += 1
        words = " ".join(self._random.sample(_WORDS, 6))
        return Chat(at=at, case=self._case, question=f"In case {self._case}, which {words}?", key=key)


def _steady(tandem: Tandem, chats: int) -> dict[str, Any]:
    with tandem.memory() as memory:
        begun = tandem.cpu_s()
        seen = tandem.ask(tandem.evenly(chats, 10.0))
        spent = 1_000 * (tandem.cpu_s() - begun) / chats
        steady = _figures(tandem, seen) | {
            "engine_most_at_once": tandem.notes()["most"],
            "server_cpu_ms_per_chat": round(spent, 1),
        }
        burst = _figures(tandem, tandem.ask(tandem.evenly(chats, 0.001)))
        time.sleep(2)
    sizes = [one.resident for one in memory]
    steady["rss_mib"] = {"before": round(sizes[0]), "most": round(max(sizes)), "after": round(sizes[-1])}
    return {"steady": steady, "burst": burst}


def _overload(tandem: Tandem, running: int, seconds: int) -> dict[str, Any]:
    nominal = running / 5.0
    capacity = _rate(tandem.ask(tandem.evenly(int(1.5 * nominal * 15), 15.0)), 5.0, 15.0)
    seen = tandem.ask(tandem.evenly(int(4 * capacity * seconds), seconds))
    # The client waits for the last answers: 5 s of the end have passed when it asks again.
    after = tandem.ask(tandem.evenly(int(0.9 * capacity * 8), 8.0))
    refused = [one for one in seen if one["status"] in (429, 503)]
    took = sorted((one["answered"] - one["sent"]) / 1e6 for one in refused)
    goodput = _rate(seen, 5.0, float(seconds))
    return {
        "running": running,
        "queue": running,
        "capacity_per_s": round(capacity, 2),
        "asked_per_s": round(4 * capacity, 1),
        "seconds": seconds,
        "asked": len(seen),
        "answered": sum(is_whole(one) for one in seen),
        "goodput_of_capacity": round(goodput / capacity, 3),
        "refused": len(refused),
        "refused_without_retry_after": sum(not one["retry_after"] for one in refused),
        "refusal_ms": _percentiles(took),
        "statuses": _statuses(seen),
        "others": [one["error"] for one in seen if one["status"] not in (200, 429, 503)][:3],
        "afterwards": _figures(tandem, after),
    }


def _noisy(tandem: Tandem, seconds: int) -> dict[str, Any]:
    alone = tandem.ask(tandem.evenly(30, 30.0, "quiet"))
    noise = tandem.evenly(50 * _QUOTA * seconds // 60, seconds, "noisy")
    both = tandem.ask(sorted([*noise, *tandem.evenly(seconds, seconds, "quiet")], key=lambda one: one["at"]))
    quiet = [one for one in both if one["key"] == "quiet"]
    noisy = [one for one in both if one["key"] == "noisy"]
    passed = sum(one["status"] == 200 for one in noisy)
    before, with_noise = _figures(tandem, alone), _figures(tandem, quiet)
    refused = sorted((one["answered"] - one["sent"]) / 1e6 for one in noisy if one["status"] == 429)
    return {
        "quota_per_minute": _QUOTA,
        "asked_by_noisy": len(noisy),
        "passed_of_noisy": passed,
        "of_quota": round(passed / (_QUOTA * max(seconds, 60) / 60), 3),
        "refusal_ms": _percentiles(refused),
        "quiet_alone": before,
        "quiet_beside_noise": with_noise,
        "quiet_p95_times": round(with_noise["added_ms"]["p95"] / before["added_ms"]["p95"], 2),
    }


def _slow(tandem: Tandem) -> dict[str, Any]:
    """Clients that hold what they can; the figures are from their coming until 15 s later."""
    before = tandem.descriptors()
    body = json.dumps({"stream": True, "messages": [{"role": "user", "content": "Which river?"}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    opened, took = [], []
    with tandem.memory() as memory, httpx.Client(base_url=tandem.url, trust_env=False) as http:
        for number in range(_SLOW_READERS + _HALF_SENT):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
            client.connect(("127.0.0.1", tandem.port))
            client.sendall((head + body if number < _SLOW_READERS else head + body[:-9]).encode())
            opened.append(client)
        most = 0
        until = time.monotonic() + 15
        while time.monotonic() < until:
            begun = time.perf_counter()
            http.get("/healthz").raise_for_status()
            took.append((time.perf_counter() - begun) * 1000)
            most = max(most, tandem.descriptors())
            time.sleep(0.05)
        after = tandem.descriptors()
    for client in opened:
        client.close()
    sizes = [one.resident for one in memory]
    return {
        "readers_that_read_nothing": _SLOW_READERS,
        "requests_half_sent": _HALF_SENT,
        "health_ms": _percentiles(took),
        "descriptors": {"before": before, "most": most, "after_15_s": after},
        "rss_mib": {"before": round(sizes[0]), "most": round(max(sizes))},
    }


def _figures(tandem: Tandem, seen: Sequence[Seen]) -> dict[str, Any]:
    whole = sum(is_whole(one) for one in seen)
    return {
        "chats": len(seen),
        "whole": whole,
        "one_end_each": all(one["ends"] == 1 and one["done"] == 1 for one in seen if one["status"] == 200),
        "statuses": _statuses(seen),
        "faults": [one["error"] for one in seen if one["error"]][:3],
        "passages_instead": sum(one["degraded"] for one in seen),
        "added_ms": _percentiles(tandem.added_ms(seen)),
    }


def is_whole(one: Seen) -> bool:
    """Whether the engine wrote it and it ended as it should."""
    ended = one["status"] == 200 and one["ends"] == 1 and one["done"] == 1
    return ended and one["shown"] > 0 and not one["degraded"]


def _rate(seen: Sequence[Seen], start: float, end: float) -> float:
    """Whole answers a second that ended between two moments, in seconds from the first question."""
    begun = min(one["sent"] for one in seen)
    ended = [(one["ended"] - begun) / 1e9 for one in seen if is_whole(one)]
    return sum(start <= moment < end for moment in ended) / (end - start)


def _statuses(seen: Sequence[Seen]) -> dict[str, int]:
    return {
        str(status): sum(one["status"] == status for one in seen)
        for status in {one["status"] for one in seen}
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99
    return {name: round(cuts[place], 1) for name, place in (("p50", 49), ("p95", 94), ("p99", 98))}


def _fill(url: str, key: str) -> None:
    """Documents of sentences of ten words, each another."""
    words = random.Random(1)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, timeout=300, trust_env=False, headers=headers) as http:
        if http.get("/api/corpora").json().get("corpora"):
            return
        for number in range(_DOCUMENTS):
            lines = (" ".join(words.sample(_WORDS, 10)).capitalize() + "." for _ in range(_SENTENCES))
            file = {"file": (f"{number}.txt", " ".join(lines).encode())}
            http.post("/api/corpora/docs/documents", files=file).raise_for_status()


if __name__ == "__main__":
    main()
