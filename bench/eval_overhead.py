"""What the harness of an evaluation costs: questions through it, and the same prompts sent straight to vLLM.

    python -m bench.eval_overhead [--data ../shared/data/covidqa] [--questions 200] [--tokens 16]

First a fake engine records what Tandem sends for each question. Then one vLLM is asked twice: by the harness beneath
`tandem compare`, which asks a running Tandem, reads each answer's stream and keeps it in the store before it counts
it, and directly with the recorded requests, as many at once. Both take turns in blocks of `--block` questions, and
who begins changes from block to block, so that a machine that slows down slows both. vLLM's prefix cache is off, or
the second way would find its prompts read already. The limit is on the whole time of the harness over that of the
direct way. Starting Tandem and scoring are not in it.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.machine import machine
from bench.overhead import free_port
from bench.served import events_of, questions_about, tandem_up
from bench.throughput import recorded_requests
from eval.case import EvalCase
from eval.running.asking import ask
from eval.running.gathering import Wish, gather
from eval.running.keeping import EvalRuns
from eval.running.plan import Plan
from eval.running.run import run as run_plan
from eval.sets import EvalSets
from tandem.settings import Settings
from tandem.store import Store, open_store

LIMIT = 1.15
_RESULT = Path(__file__).parent / "results" / "eval_overhead.json"


@dataclass
class Block:
    """What a block of questions took each way, in seconds, and the tokens that were written."""

    harness_s: float = 0.0
    direct_s: float = 0.0
    harness_tokens: int = 0
    direct_tokens: int = 0
    first: str = ""


@dataclass
class Measured:
    """All blocks."""

    blocks: list[Block] = field(default_factory=list)

    def ratio(self) -> float:
        """The whole time of the harness over that of the direct way."""
        return sum(one.harness_s for one in self.blocks) / sum(one.direct_s for one in self.blocks)


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--block", type=int, default=100)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--context", type=int, default=500, help="tokens of passages in a prompt")
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--recipe", default="rag")
    parser.add_argument("--out", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    documents, questions = questions_about(arguments.data, arguments.documents)
    if len(questions) < arguments.questions:
        raise SystemExit(f"only {len(questions)} questions about {arguments.documents} documents")
    asked = [_body(text, arguments) for text in questions[: arguments.questions]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {
            "TANDEM_ANSWER__EVIDENCE": "0",
            "TANDEM_ANSWER__CONTEXT_TOKENS": str(arguments.context),
        }
        recorded = recorded_requests(folder, settings, documents, asked)
        engine_port = free_port()
        settings |= {
            "TANDEM_ENGINE__PORT": str(engine_port),
            "TANDEM_ENGINE__EXTRA_ARGS": '["--no-enable-prefix-caching"]',
        }
        with tandem_up(folder, settings) as url, closing(open_store(Settings().store, folder)) as store:
            measured = asyncio.run(
                _measure(url, f"http://127.0.0.1:{engine_port}", asked, recorded, store, folder, arguments)
            )
    report = {
        "command": f"python -m bench.eval_overhead --questions {arguments.questions}",
        "machine": machine(),
        "questions": len(asked),
        "at_once": arguments.at_once,
        "tokens_per_answer_at_most": arguments.tokens,
        "blocks": [vars(one) for one in measured.blocks],
        "harness_over_direct": round(measured.ratio(), 3),
        "limit": LIMIT,
    }
    print(json.dumps(report, indent=2))
    arguments.out.write_text(json.dumps(report, indent=2) + "\n")


def _body(text: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """A question as the recording server gets it; the harness asks the same."""
    return {
        "model": f"tandem:{arguments.recipe}",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": arguments.tokens,
        "seed": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def _measure(
    url: str,
    engine: str,
    asked: Sequence[dict[str, Any]],
    recorded: Sequence[dict[str, Any]],
    store: Store,
    folder: Path,
    arguments: argparse.Namespace,
) -> Measured:
    cases = [EvalCase(id=f"q{n}", question=body["messages"][-1]["content"]) for n, body in enumerate(asked)]
    measured = Measured()
    limits = httpx.Limits(max_connections=4 * arguments.at_once)
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=600, limits=limits) as tandem,
        httpx.AsyncClient(trust_env=False, timeout=600, limits=limits) as direct,
    ):
        await _direct(direct, engine, recorded[:8], arguments.at_once)  # warms the engine up
        for number, places in enumerate(_blocks(len(asked), arguments.block)):
            block = Block(first="harness" if number % 2 == 0 else "direct")
            plan, run = await _begun(cases[places], number, tandem, store, folder, arguments)
            ways = ("harness", "direct") if block.first == "harness" else ("direct", "harness")
            for way in ways:
                begun = time.perf_counter()
                if way == "harness":
                    block.harness_tokens = await _through(plan, run, store, tandem)
                    block.harness_s = round(time.perf_counter() - begun, 3)
                else:
                    block.direct_tokens = await _direct(direct, engine, recorded[places], arguments.at_once)
                    block.direct_s = round(time.perf_counter() - begun, 3)
            measured.blocks.append(block)
            print(json.dumps(vars(block)), flush=True)
    return measured


def _blocks(many: int, size: int) -> Iterator[slice]:
    for start in range(0, many, size):
        yield slice(start, min(many, start + size))


async def _begun(
    cases: Sequence[EvalCase],
    number: int,
    http: httpx.AsyncClient,
    store: Store,
    folder: Path,
    arguments: argparse.Namespace,
) -> tuple[Plan, str]:
    """A run of these cases, of which nothing is asked yet."""
    eval_set, _ = EvalSets(store).save(f"block-{number}", cases)
    wish = Wish(arms=(arguments.recipe,), max_tokens=arguments.tokens, at_once=arguments.at_once)
    facts = await gather(wish, eval_set, http, store, Settings(data_dir=folder))
    return Plan(facts, eval_set.cases), EvalRuns(store).begin(facts).id


async def _through(plan: Plan, run: str, store: Store, http: httpx.AsyncClient) -> int:
    """Ask by the harness; the tokens that were written."""
    runs = EvalRuns(store)
    await run_plan(plan, run, runs, partial(ask, http=http))
    replies = runs.replies(run).values()
    if len(replies) != len(plan.cases) or any(one.failure for one in replies):
        raise SystemExit(f"{len(replies)} replies to {len(plan.cases)} questions, or failures among them")
    return sum(one.tokens_out for one in replies)


async def _direct(
    http: httpx.AsyncClient, engine: str, bodies: Sequence[dict[str, Any]], at_once: int
) -> int:
    """Send recorded requests to vLLM; the tokens that were written."""
    left, tokens = iter(bodies), 0

    async def asking() -> None:
        nonlocal tokens
        for body in left:
            usage: dict[str, int] = {}
            async for event in events_of(http, engine, body):
                usage = event.get("usage") or usage
            tokens += usage["completion_tokens"]

    await asyncio.gather(*(asking() for _ in range(at_once)))
    return tokens


if __name__ == "__main__":
    main()
