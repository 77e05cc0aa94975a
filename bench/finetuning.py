"""Fine-tuning, end to end: the five recipes on questions to documents that no training has seen, side by side.

    python -m bench.finetuning --adapter FOLDER [--data covidqa] [--questions 60] [--set ANSWER__PASSAGES=3]

`--adapter` is a folder of peft's safetensors; without one, `base`, `prompted` and `rag` are measured alone. All
answers come from a `tandem up` with its own vLLM, over `POST /v1/chat/completions`, with the whole corpus
ingested and searched. `--set` names settings that hold for all recipes.

covidqa: dev questions, each asked as it is and, of recipes that retrieve, once more with its document left out of the
search. pubmedqa: its last 200 questions, read as yes, no or maybe; a recipe of the base model is told to begin with
the class (`instructions`), one of the adapter is asked as it was trained. Also measured: plain questions before and
after. Intervals are those of `tandem.resampling`, 95%; differences are paired.

On two cores without a GPU 60 questions of covidqa, 600 answers in all, take two and a half minutes. `--work` keeps
corpus and answers: an interrupted run goes on from there.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.machine import machine
from bench.overhead import free_port
from bench.served import tandem_up
from bench.texts import read_lines
from finetune.dataset.questions import SourceQuestion
from finetune.validation.asking import Ask, KnowRecipe
from finetune.validation.measures import compare, measure
from finetune.validation.over_http import ask_over_http, recipe_over_http
from finetune.validation.plain import Forgetting
from finetune.validation.running import Asked, Plan, run_plain, run_plan

_CORPUS = "bench"
_OF_BASE = ("base", "prompted", "rag")
_OF_ADAPTER = ("tuned", "hybrid")
_TELL_CLASS = 'Begin your answer with "Yes:", "No:" or "Maybe:", then give the reason in one sentence.'
_RESULTS = Path(__file__).parent / "results"
_PUBMEDQA_TEST = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure."""

    data: str
    root: Path
    adapter: Path | None
    questions: int
    max_tokens: int
    at_once: int
    plain: bool
    settings: dict[str, str]

    @property
    def recipes(self) -> tuple[str, ...]:
        """All that can be asked."""
        return _OF_BASE + (_OF_ADAPTER if self.adapter else ())


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", choices=("covidqa", "pubmedqa"), default="covidqa")
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--questions", type=int, default=60, help="a sample of so many; 0 for all")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--no-plain", dest="plain", action="store_false", help="ask no plain questions")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting, repeatable"
    )
    parser.add_argument("--work", type=Path, help="folder to keep, and to go on from")
    parser.add_argument("--out", type=Path)
    found = parser.parse_args()
    settings = dict(each.split("=", 1) for each in found.set)
    wanted = Wanted(
        found.data,
        found.root / found.data,
        found.adapter,
        found.questions,
        found.max_tokens,
        found.at_once,
        found.plain,
        settings,
    )
    with ExitStack() as stack:
        folder = found.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        figures = _measure(folder.absolute(), wanted)
    report = {"command": _command(wanted), "machine": machine()} | figures
    print(json.dumps(report, indent=2))
    name = "finetuning.json" if wanted.data == "covidqa" else f"finetuning_{wanted.data}.json"
    (found.out or _RESULTS / name).write_text(json.dumps(report, indent=2) + "\n")


def _command(wanted: Wanted) -> str:
    """By which it can be measured again, without the folders of this machine."""
    words = [f"--data {wanted.data}", f"--questions {wanted.questions}"]
    words += ["--adapter FOLDER"] if wanted.adapter else []
    words += [] if wanted.plain else ["--no-plain"]
    words += [f"--set {name}={value}" for name, value in wanted.settings.items()]
    return f"python -m bench.finetuning {' '.join(words)}"


def _measure(folder: Path, wanted: Wanted) -> dict[str, Any]:
    questions = _sample(wanted)
    variables = {"TANDEM_ENGINE__PORT": str(free_port())}
    variables |= {f"TANDEM_{name}": value for name, value in wanted.settings.items()}
    if wanted.adapter is not None:
        variables["TANDEM_ENGINE__ADAPTERS"] = json.dumps({"adapter": str(wanted.adapter.absolute())})
    folder.mkdir(parents=True, exist_ok=True)
    with tandem_up(folder, variables) as url:
        _ingest(url, read_lines(wanted.root / "corpus.jsonl"))
        begun = time.monotonic()
        asked, forgot = asyncio.run(_ask(url, wanted, questions, folder / "answers.jsonl"))
        seconds = time.monotonic() - begun
    return {
        "data": wanted.data,
        "questions": len(questions),
        "max_tokens": wanted.max_tokens,
        "settings": wanted.settings,
        "adapter": _adapter_facts(wanted.adapter) if wanted.adapter else None,
        "seconds": round(seconds),
        "recipes": {recipe: _rounded(asdict(measure(asked.outcomes[recipe]))) for recipe in wanted.recipes},
        "differences": _differences(asked),
        "forgetting": _rounded(asdict(forgot)) if forgot else None,
    }


def _sample(wanted: Wanted) -> list[SourceQuestion]:
    name = "questions.dev.jsonl" if wanted.data == "covidqa" else "questions.jsonl"
    known = [SourceQuestion.model_validate(line) for line in read_lines(wanted.root / name)]
    if wanted.data == "pubmedqa":
        known = known[-_PUBMEDQA_TEST:]
    if 0 < wanted.questions < len(known):
        known = random.Random(0).sample(known, wanted.questions)
    return known


def _ingest(url: str, documents: Sequence[Any]) -> None:
    """Each under its id as its address, by which the questions know it; what is there already stays."""
    with httpx.Client(base_url=url, timeout=300, trust_env=False) as http:
        for document in documents:
            text = f"{document['title']}\n\n{document['text']}"
            http.post(
                f"/api/corpora/{_CORPUS}/documents",
                files={"file": (f"{document['id']}.txt", text.encode())},
                data={"uri": document["id"]},
            ).raise_for_status()


async def _ask(
    url: str, wanted: Wanted, questions: Sequence[SourceQuestion], kept: Path
) -> tuple[Asked, Forgetting | None]:
    async with httpx.AsyncClient(
        base_url=url,
        timeout=httpx.Timeout(30, read=1_200),
        limits=httpx.Limits(max_connections=wanted.at_once),
        trust_env=False,
    ) as http:
        ask, know = partial(ask_over_http, http=http), partial(recipe_over_http, http=http)
        plan = Plan(
            tuple(questions),
            wanted.recipes,
            corpora=(_CORPUS,),
            left_out=wanted.data == "covidqa",
            max_tokens=wanted.max_tokens,
            at_once=wanted.at_once,
        )
        asked = await _asked(plan, wanted, ask, know, kept)
        forgot = None
        if wanted.plain and wanted.adapter is not None:
            forgot = await run_plain("base", "tuned", ask, know, kept, at_once=wanted.at_once)
        return asked, forgot


async def _asked(plan: Plan, wanted: Wanted, ask: Ask, know: KnowRecipe, kept: Path) -> Asked:
    if wanted.data == "covidqa":
        return await run_plan(plan, ask, know, kept, _tell)
    told = replace(plan, recipes=_OF_BASE, instructions=_TELL_CLASS)
    asked = await run_plan(told, ask, know, kept, _tell)
    if wanted.adapter is None:
        return asked
    trained = await run_plan(replace(plan, recipes=_OF_ADAPTER), ask, know, kept, _tell)
    return Asked(asked.outcomes | trained.outcomes, asked.versions | trained.versions)


def _tell(done: int, total: int, tokens: int) -> None:
    if done % 20 == 0 or done == total:
        print(f"{done} of {total} answers, {tokens} tokens", file=sys.stderr, flush=True)


def _differences(asked: Asked) -> dict[str, Any]:
    pairs = (("hybrid", "rag"), ("tuned", "base"), ("hybrid", "tuned"), ("rag", "base"))
    return {
        f"{one} - {other}": _rounded(asdict(compare(asked.outcomes[one], asked.outcomes[other])))
        for one, other in pairs
        if one in asked.outcomes and other in asked.outcomes
    }


def _adapter_facts(folder: Path) -> dict[str, Any]:
    """What its training says of itself, without the points of the curve."""
    file = folder / "training.json"
    facts = json.loads(file.read_text()) if file.exists() else {}
    return {"folder": folder.absolute().name} | {
        name: value for name, value in facts.items() if name not in ("curve", "validations")
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    main()
