"""What Tandem answers of questions whose document is there, and of the same questions where it is not.

    python -m bench.abstention [--data ../shared/data/covidqa] [--questions 160] [--without 40] [--adapter FOLDER]

Dev questions, each asked with its document in the corpus and with it left out. Two curves of risk and
coverage, and their area (AURC, Geifman, Uziel and El-Yaniv 2019):

- of the evidence alone, all questions, no model: an answer counts as right where the passages hold it;
- of each recipe with the real model, through all of Tandem, on a sample: an answer is right where at least
  half of the content words of a reference are in it; where the document is left out, no answer is right. The
  evidence orders the answers; what was withheld comes last: by Tandem, since no passage supports it, or by the
  model, which says that it does not know. `base`, `prompted` and `tuned` retrieve nothing, so they have no
  evidence and answer alike whether the document is there or not: they are asked once, fewer questions.

`tuned` and `hybrid` are there with `--adapter`, a folder as peft writes it. The threshold is set to zero while
the answers are made, so that one run tells of every threshold. It needs vLLM: its environment is that of the
setting engine.python.
"""

import argparse
import asyncio
import json
import random
import re
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.evidence import threshold_row
from bench.machine import machine
from bench.texts import read_lines
from eval.calibrating import Found, holds
from eval.case import EvalCase
from eval.reliability import aurc, risk_coverage
from ingest import Ingestor, Upload
from server.answering import Answer, Question, answer
from server.answering.evidence import evidence_of
from server.answering.leaving_out import Versions, leaving_out
from server.answering.retrieve import retrieve
from server.answering.support import content_words
from server.answering.timings import Timings
from server.answering.types import SamplingOverrides
from server.opening import open_services
from server.services import Services
from tandem.engine import EngineState
from tandem.settings import AnswerSettings, EngineSettings, Settings
from tandem.vocabulary import Caller, Where, document_id

_CORPUS = "bench"
_RESULT = Path(__file__).parent / "results" / "abstention.json"
_THRESHOLDS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
_COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_TOKENS = 48
_AT_ONCE = 8
_UNKNOWN = re.compile(r"\W*i (?:do not|don['’]?t) know\b", re.I)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question of one recipe."""

    there: bool
    """Whether its document was."""
    evidence: float
    withheld: bool
    """Whether Tandem abstained after the model had written, or the model said that it does not know."""
    right: bool

    @property
    def score(self) -> float:
        """What it is ordered by."""
        return -1.0 if self.withheld else self.evidence


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument(
        "--questions", type=int, default=160, help="asked of recipes that retrieve, twice each"
    )
    parser.add_argument("--without", type=int, default=40, help="asked of recipes that do not retrieve")
    parser.add_argument("--adapter", type=Path, help="folder of the adapter of `tuned` and `hybrid`")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            answer=AnswerSettings(evidence=0),
            engine=EngineSettings(adapters={"tuned": arguments.adapter} if arguments.adapter else {}),
        )
        figures = asyncio.run(_measure(settings, arguments.data, arguments.questions, arguments.without))
    report = {"command": "python -m bench.abstention", "machine": machine()} | figures
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


async def _measure(settings: Settings, data: Path, most: int, most_without: int) -> dict[str, Any]:
    questions = read_lines(data / "questions.dev.jsonl")
    async with AsyncExitStack() as stack:
        services, ingestor, _, _ = await open_services(settings, stack, print)
        await _ingest(ingestor, read_lines(data / "corpus.jsonl"))
        figures: dict[str, Any] = {"evidence_alone": await _evidence_alone(questions, services)}
        print(json.dumps(figures), flush=True)
        while services.engine.state is not EngineState.READY:
            await asyncio.sleep(0.5)
        sample = random.Random(0).sample(questions, most)
        for name, recipe in services.recipes.builtin.items():
            begun = time.monotonic()
            if recipe.retrieval is not None:
                asked = await _ask_all(name, sample, services, twice=True)
            else:
                asked = await _ask_all(name, sample[:most_without], services, twice=False)
                asked += [replace(one, there=False, right=False) for one in asked]
            figures[name] = _judged(asked) | {"seconds": round(time.monotonic() - begun, 1)}
            print(json.dumps({name: figures[name]}), flush=True)
    return {"questions": f"{data.name}, dev", "most_tokens": _TOKENS} | figures


async def _ingest(ingestor: Ingestor, documents: list[Any]) -> None:
    for document in documents:
        content = f"{document['title']}\n\n{document['text']}".encode()
        upload = Upload(uri=document["id"], name=f"{document['id']}.txt", content=content)
        await ingestor.ingest(Caller(), _CORPUS, upload)


def _documents_of(question: Any) -> list[str]:
    return [document_id(Caller().tenant, _CORPUS, each) for each in question["doc_ids"]]


def _versions(question: Any, services: Services) -> Versions:
    return frozenset(services.store.current_versions(Caller().tenant, _documents_of(question)).items())


async def _evidence_alone(questions: list[Any], services: Services) -> dict[str, Any]:
    labels, said, cosines = [], [], []
    profile = services.recipes.of_model("tandem:rag").retrieval
    if profile is None:
        raise SystemExit("the recipe rag retrieves nothing")
    for question in questions:
        case = EvalCase(
            id=question["id"],
            question=question["question"],
            documents=tuple(_documents_of(question)),
            references=tuple(question["answers"]),
        )
        for left_out in (frozenset(), _versions(question, services)):
            with leaving_out(services, left_out) as narrowed:
                found = await retrieve(
                    Caller(), case.question, (_CORPUS,), Where(), profile, narrowed, Timings()
                )
            labels.append(holds(case, [Found(p.chunk.document_id, p.chunk.uri, p.chunk.text) for p in found]))
            said.append(evidence_of(case.question, found, services.calibration))
            cosines.append(max((passage.similarity for passage in found), default=-1.0))
    return {
        "cases": len(labels),
        "aurc": round(aurc(labels, said), 4),
        "aurc_of_the_best_cosine": round(aurc(labels, cosines), 4),
        "aurc_of_a_perfect_score": round(aurc(labels, labels), 4),
        "curve": _curve(labels, said),
        "curve_of_the_best_cosine": _curve(labels, cosines),
        "thresholds": [threshold_row(threshold, labels, said) for threshold in _THRESHOLDS],
    }


async def _ask_all(recipe: str, questions: list[Any], services: Services, *, twice: bool) -> list[Outcome]:
    free = asyncio.Semaphore(_AT_ONCE)

    async def ask(question: Any, left_out: Versions) -> Outcome:
        async with free:
            with leaving_out(services, left_out) as narrowed:
                done = await _answered(question["question"], recipe, narrowed)
        withheld = done.abstained or _UNKNOWN.match(done.text) is not None
        right = not left_out and not withheld and _is_right(done.text, question["answers"])
        return Outcome(not left_out, 1.0 if done.evidence is None else done.evidence, withheld, right)

    cases: list[tuple[Any, Versions]] = [(question, frozenset()) for question in questions]
    if twice:
        cases += [(question, _versions(question, services)) for question in questions]
    return list(await asyncio.gather(*(ask(*case) for case in cases)))


async def _answered(text: str, recipe: str, services: Services) -> Answer:
    asked = Question(
        Caller(),
        f"tandem:{recipe}",
        text,
        corpora=(_CORPUS,),
        sampling=SamplingOverrides(max_tokens=_TOKENS),
    )
    async for event in answer(asked, services):
        if isinstance(event, Answer):
            return event
    raise RuntimeError("an answer without an end")


def _is_right(text: str, references: list[str]) -> bool:
    said = set(content_words(text))
    wanted = (set(content_words(reference)) for reference in references)
    return any(len(words & said) >= len(words) / 2 for words in wanted if words)


def _judged(outcomes: list[Outcome]) -> dict[str, Any]:
    labels, scores = [one.right for one in outcomes], [one.score for one in outcomes]
    return {
        "answers": len(outcomes),
        "right": sum(labels),
        "withheld_where_the_document_is_there": sum(one.withheld for one in outcomes if one.there),
        "withheld_where_it_is_not": sum(one.withheld for one in outcomes if not one.there),
        "aurc": round(aurc(labels, scores), 4),
        "aurc_without_evidence": round(aurc(labels, [-float(one.withheld) for one in outcomes]), 4),
        "aurc_of_a_perfect_score": round(aurc(labels, labels), 4),
        "curve": _curve(labels, scores),
        "thresholds": [_at(threshold, outcomes) for threshold in _THRESHOLDS],
    }


def _at(threshold: float, outcomes: list[Outcome]) -> dict[str, float]:
    """What is answered at a threshold, and how much of it is wrong."""
    answered = [one for one in outcomes if one.evidence >= threshold and not one.withheld]
    there = [one for one in outcomes if one.there]
    missing = [one for one in outcomes if not one.there]
    return {
        "threshold": threshold,
        "coverage": round(len(answered) / len(outcomes), 4),
        "risk": round(sum(not one.right for one in answered) / len(answered), 4) if answered else 0.0,
        "right_of_answerable": round(sum(one.right for one in answered) / len(there), 4),
        "answered_of_unanswerable": round(sum(not one.there for one in answered) / max(len(missing), 1), 4),
    }


def _curve(labels: list[bool], scores: list[float]) -> list[list[float]]:
    """Risk at ten coverages."""
    coverage, risk = risk_coverage(labels, scores)
    places = [min(round(wanted * len(labels)) - 1, len(labels) - 1) for wanted in _COVERAGES]
    return [[round(float(coverage[place]), 3), round(float(risk[place]), 4)] for place in places]


if __name__ == "__main__":
    main()
