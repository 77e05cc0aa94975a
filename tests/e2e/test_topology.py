"""The production topology on one machine: nothing acknowledged is lost, and no wrong adapter answers.

Two servers, two workers, two engine replicas, PostgreSQL, an index behind the network client and a balancer. The
engines are scripted by default (`tests/scripted_replica.py`); with TOPOLOGY_VLLM=1, as `python -m bench.topology`
sets it, they are two vLLMs. What came of the questions is kept in the file that TOPOLOGY_FIGURES names.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest
from postgres import Postgres
from topology import Topology, topology, until

_ASKERS = 4
_PAUSE_S = 0.2
"""Between two questions of one asker: a server that starts takes the cores that in production are others'."""
_MODELS = ("tandem:tuned", "tandem:rag", "tandem:tuned")


@pytest.fixture(scope="module")
def running(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with topology(postgres, tmp_path_factory.mktemp("topology")) as made:
        yield made


@dataclass
class Tally:
    """What came of the questions."""

    whole: int = 0
    cut: list[str] = field(default_factory=list)
    """Begun and not ended, or lost with the server."""
    refused: list[str] = field(default_factory=list)
    """Answered with an error before anything was shown."""
    degraded: list[str] = field(default_factory=list)
    """Why passages stood in for an answer, each time."""
    said: dict[str, Counter[str]] = field(default_factory=dict)
    """How often each version of `tuned` said what."""

    def keep(self, step: str, **more: object) -> None:
        """Print what came of a step, and keep it where a file is named for it."""
        counts = {name: len(getattr(self, name)) for name in ("cut", "refused", "degraded")}
        by_version = [sum(texts.values()) for texts in self.said.values()]
        figures = {"whole": self.whole, **counts, "of_the_adapter_by_version": by_version, **more}
        print(f"{step}: {figures}")
        if name := os.environ.get("TOPOLOGY_FIGURES"):
            file = Path(name)
            known = json.loads(file.read_text()) if file.exists() else {}
            file.write_text(json.dumps(known | {step: figures}))


@asynccontextmanager
async def asking(url: str, tally: Tally) -> AsyncIterator[None]:
    """So many streams side by side, each on a connection of its own, for as long as the block lasts."""
    over = asyncio.Event()
    numbers = count()
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, timeout=120, limits=limits) as http:

        async def ask_on() -> None:
            while not over.is_set():
                await _ask(http, url, next(numbers), tally)
                await asyncio.sleep(_PAUSE_S)

        askers = [asyncio.create_task(ask_on()) for _ in range(_ASKERS)]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*askers)


async def _ask(http: httpx.AsyncClient, url: str, number: int, tally: Tally) -> None:
    model = _MODELS[number % len(_MODELS)]
    question = f"When does the gate of depot {number % 7} close?"
    body = {"model": model, "messages": [{"role": "user", "content": question}], "stream": True}
    text, told, ended = "", {}, False
    try:
        async with http.stream("POST", f"{url}/v1/chat/completions", json=body | {"max_tokens": 16}) as got:
            if got.status_code != 200:
                tally.refused.append(f"{got.status_code} {(await got.aread())[:300]!r}")
                return
            async for line in got.aiter_lines():
                if line == "data: [DONE]":
                    ended = True
                elif line.startswith("data: "):
                    event = json.loads(line[6:])
                    if "error" in event:
                        tally.cut.append(str(event["error"]))
                        return
                    told = event.get("tandem") or told
                    text += "".join(one["delta"].get("content") or "" for one in event["choices"])
    except httpx.TransportError as error:
        tally.cut.append(repr(error))
        return
    if not ended:
        tally.cut.append("the stream ended early")
        return
    tally.whole += 1
    if told.get("degraded"):
        tally.degraded.append(f"{model}: {told['degraded_reason']}")
    elif model == "tandem:tuned":
        tally.said.setdefault(told["recipe_version"], Counter())[text.strip()] += 1


def _put(made: Topology, name: str, text: str) -> None:
    file = {"file": (name, text.encode())}
    url = f"{made.url}/api/corpora/rules/documents"
    assert httpx.post(url, files=file, trust_env=False, timeout=60).status_code == 201


def _model_of(made: Topology, version: str) -> str:
    found = httpx.get(f"{made.url}/api/recipes/tuned/versions/{version}", trust_env=False, timeout=30)
    return str(found.raise_for_status().json()["definition"]["model"])


def _check_adapters(made: Topology, tally: Tally) -> None:
    """Every answer was of the weights that its recipe's version names."""
    assert tally.said
    for version, texts in tally.said.items():
        ref = _model_of(made, version)
        assert all(made.says(text, ref) for text in texts), (ref, texts)


def _loaded(made: Topology, ref: str) -> list[bool]:
    cards = [httpx.get(f"{one.url}/v1/models", trust_env=False).json()["data"] for one in made.engines]
    return [ref in [card["id"] for card in each] for each in cards]


async def test_the_servers_are_restarted_in_turn_and_no_question_fails(running: Topology) -> None:
    _put(running, "gate.md", "The gate of depot 1 closes at seven in the evening.")
    tally = Tally()
    async with asking(running.url, tally):
        await asyncio.sleep(3)
        for server in running.servers:
            assert await asyncio.to_thread(server.end, signal.SIGTERM) == 0
            server.start()
            await asyncio.to_thread(until, lambda: len(running.balancer.ready) == 2, "the server again", 180)
            await asyncio.sleep(2)
    tally.keep("servers_restarted", given_to_the_other_server=running.balancer.refused)
    assert (tally.cut, tally.refused, tally.degraded) == ([], [], [])
    assert tally.whole > 20
    _check_adapters(running, tally)


async def test_an_adapter_rolls_to_both_replicas_and_each_answer_is_of_its_recipes_weights(
    running: Topology,
) -> None:
    tally = Tally()
    async with asking(running.url, tally):
        await asyncio.sleep(2)
        ref = await asyncio.to_thread(running.register)
        await asyncio.to_thread(until, lambda: _follows(running, ref), "the new adapter", 60)
        await asyncio.sleep(2)
    tally.keep("adapter_changed")
    assert (tally.cut, tally.refused, tally.degraded) == ([], [], [])
    assert len(tally.said) == 2
    _check_adapters(running, tally)
    assert _loaded(running, ref) == [True, True]


def _follows(made: Topology, ref: str) -> bool:
    found = [httpx.get(f"{one.url}/api/recipes/tuned", trust_env=False, timeout=30) for one in made.servers]
    return all(one.json()["definition"]["model"] == ref for one in found)


async def test_one_of_each_is_killed_and_nothing_acknowledged_is_lost(running: Topology) -> None:
    kept = [f"The gate of depot {n} closes at {n} and its keeper is number {n * 37}." for n in range(12)]
    for n, text in enumerate(kept[:4]):
        _put(running, f"depot{n}.md", text)
    tally = Tally()
    async with asking(running.url, tally):
        await asyncio.sleep(1)
        running.engines[0].end(signal.SIGKILL)
        await asyncio.sleep(4)
        await asyncio.to_thread(
            until, lambda: _replicas(running) == "1 of 2 ready", "the loss to be seen", 60
        )
        after_engine = len(tally.cut)
        job = await asyncio.to_thread(_start_job, running, kept[4:])
        await asyncio.sleep(0.3)
        running.workers[0].end(signal.SIGKILL)
        await asyncio.to_thread(until, lambda: _ended(running, job), "the job", 120)
        before = len(tally.cut)
        running.servers[0].end(signal.SIGKILL)
        await asyncio.sleep(4)
        whole = tally.whole
        await asyncio.sleep(2)
        assert tally.whole > whole, "questions go on"
    by_server = len(tally.cut) - before
    tally.keep(
        "one_of_each_killed",
        cut_by_the_engines_death=after_engine,
        cut_by_the_workers=before - after_engine,
        cut_by_the_servers=by_server,
    )
    # What had begun at a killed process cannot end; nothing else may fail.
    assert after_engine <= _ASKERS
    assert before == after_engine
    assert by_server <= _ASKERS
    assert (tally.refused, tally.degraded) == ([], [])
    _check_adapters(running, tally)
    points, _ = running.qdrant.local.scroll("tandem", limit=1_000)
    texts = [point.payload["text"] for point in points]
    assert [text for text in kept if not any(text in one for one in texts)] == []
    running.engines[0].start()
    ref = [*running.marks][-1]
    await asyncio.to_thread(until, lambda: _is_back(running, ref), "the replica with its adapter", 180)


def _replicas(made: Topology) -> str:
    parts = httpx.get(f"{made.servers[1].url}/readyz", trust_env=False, timeout=30).json()["parts"]
    return str(parts["engine_replicas"])


def _is_back(made: Topology, ref: str) -> bool:
    return made.engines[0].answers("/health") and _loaded(made, ref) == [True, True]


def _start_job(made: Topology, texts: list[str]) -> str:
    files = [("files", (f"job{n}.md", text.encode())) for n, text in enumerate(texts)]
    url = f"{made.url}/api/corpora/rules/ingestions"
    got = httpx.post(url, files=files, trust_env=False, timeout=60)
    assert got.status_code == 202, got.text
    return str(got.json()["id"])


def _ended(made: Topology, job: str) -> bool:
    url = f"{made.url}/api/corpora/rules/ingestions/{job}"
    return httpx.get(url, trust_env=False, timeout=60).json()["state"] == "done"
