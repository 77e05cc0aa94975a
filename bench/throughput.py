"""Answers a second through Tandem, and of the same prompts sent straight to vLLM, at 16 requests at a time.

    python -m bench.throughput [--data ../shared/data/covidqa] [--questions 32] [--rounds 3] [--tokens 32]

First a fake engine records what Tandem sends for each question. Then one vLLM is asked in turns: by Tandem,
which embeds, searches, packs and cites, and directly with the recorded requests. vLLM's prefix cache is off,
or the recorded prompts, the same byte for byte each time, would have an advantage that no real ones have.
The limit is on the median over the rounds of tokens a second through Tandem over those straight from vLLM.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from bench.machine import machine
from bench.overhead import free_port
from bench.served import events_of, ingest, prepared_model, questions_about, tandem_up

LIMIT = 0.95
_CONCURRENT = 16
_RESULT = Path(__file__).parent / "results" / "throughput.json"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument("--questions", type=int, default=32)
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=32)
    arguments = parser.parse_args()
    documents, questions = questions_about(arguments.data, arguments.documents)
    asked = [_question(text, arguments.tokens) for text in questions[: arguments.questions]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"TANDEM_ANSWER__EVIDENCE": "0", "TANDEM_ANSWER__CONTEXT_TOKENS": "500"}
        recorded = recorded_requests(folder, settings, documents, asked)
        engine_port = free_port()
        settings |= {
            "TANDEM_ENGINE__PORT": str(engine_port),
            "TANDEM_ENGINE__EXTRA_ARGS": '["--no-enable-prefix-caching"]',
        }
        with tandem_up(folder, settings) as url:
            ways = {"tandem": (url, asked), "vllm": (f"http://127.0.0.1:{engine_port}", recorded)}
            rounds = asyncio.run(_rounds(ways, arguments.rounds))
    ratios = [one["tandem"]["tokens_per_s"] / one["vllm"]["tokens_per_s"] for one in rounds]
    answers = [one["tandem"]["answers_per_s"] / one["vllm"]["answers_per_s"] for one in rounds]
    report = {
        "command": "python -m bench.throughput",
        "machine": machine(),
        "concurrent": _CONCURRENT,
        "questions": len(asked),
        "tokens_per_answer_at_most": arguments.tokens,
        "rounds": rounds,
        "tandem_over_vllm_tokens_per_s_median": round(statistics.median(ratios), 3),
        "tandem_over_vllm_answers_per_s_median": round(statistics.median(answers), 3),
        "limit": LIMIT,
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _question(text: str, tokens: int) -> dict[str, Any]:
    usage = {"stream_options": {"include_usage": True}}
    return {"messages": [{"role": "user", "content": text}], "max_tokens": tokens, "stream": True} | usage


def recorded_requests(
    folder: Path, settings: dict[str, str], documents: Sequence[Any], asked: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What Tandem sends to the engine for each question. Leaves the documents ingested in `folder`."""
    port = free_port()
    own = {
        "TANDEM_ENGINE__ADDRESS": f"http://127.0.0.1:{port}",
        "TANDEM_ENGINE__TOKENIZER": prepared_model(folder),
    }
    with subprocess.Popen([sys.executable, "-m", "bench.fake_engine", str(port)]) as fake:
        try:
            with tandem_up(folder, settings | own) as url, httpx.Client(trust_env=False, timeout=60) as http:
                ingest(url, documents)
                for body in asked:
                    http.post(f"{url}/v1/chat/completions", json=body | {"stream": False} | _NO_OPTIONS)
                bodies: list[dict[str, Any]] = http.get(f"http://127.0.0.1:{port}/bodies").json()
        finally:
            fake.terminate()
    if len(bodies) != len(asked):
        raise SystemExit(f"{len(asked)} questions, but {len(bodies)} reached the engine")
    return bodies


_NO_OPTIONS = {"stream_options": None}


async def _rounds(
    ways: Mapping[str, tuple[str, Sequence[dict[str, Any]]]], rounds: int
) -> list[dict[str, dict[str, float]]]:
    """Each round asks both; who begins changes. One short round before them warms both up."""
    measured = []
    async with httpx.AsyncClient(trust_env=False, timeout=600) as http:
        for url, bodies in ways.values():
            await _one_round(http, url, bodies[:8])
        for number in range(rounds):
            order = list(ways) if number % 2 == 0 else list(ways)[::-1]
            measured.append({name: await _one_round(http, *ways[name]) for name in order})
            print(json.dumps(measured[-1]), flush=True)
    return measured


async def _one_round(http: httpx.AsyncClient, url: str, bodies: Sequence[dict[str, Any]]) -> dict[str, float]:
    left, tokens = iter(bodies), 0

    async def ask() -> None:
        nonlocal tokens
        for body in left:
            usage: dict[str, int] = {}
            async for event in events_of(http, url, body):
                usage = event.get("usage") or usage
            tokens += usage["completion_tokens"]

    begun = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(_CONCURRENT)))
    seconds = time.perf_counter() - begun
    return {
        "seconds": round(seconds, 2),
        "tokens": tokens,
        "answers_per_s": round(len(bodies) / seconds, 3),
        "tokens_per_s": round(tokens / seconds, 2),
    }


if __name__ == "__main__":
    main()
