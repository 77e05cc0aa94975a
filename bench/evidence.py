"""Fits the calibration of the evidence on two kinds of documents, and judges it where it was not fitted.

    python -m bench.evidence [--data ../shared/data] [--write]

It is fitted on CovidQA's train questions, which ask at length about long articles, and on short questions
about Tandem's own pages (`eval/sets/tandem_docs.jsonl`), each of which counts as much as several others, for
there are few. What is said of those is cross-fitted: by a calibration that has not seen the question.

Every question is asked twice of the real index: with its document there, and with that document left out.
The passages hold the answer if one is of the question's document and has the answer's text in it (CovidQA)
or is of its abstract (PubMedQA, whose answers are not written in the abstracts). It is judged on dev, whose
articles are others, and on PubMedQA, beside the best cosine, which was the evidence before. `--write` makes
it the one that Tandem brings.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import machine
from bench.texts import read_lines
from eval.calibrating import Found, Seen, blank, fit, holds
from eval.case import EvalCase
from eval.reliability import aurc, auroc, bootstrap, brier, expected_calibration_error, reliability_diagram
from eval.sets import read_cases
from ingest import Ingestor, Upload
from server.answering.evidence_features import features
from server.answering.read import as_parents, readable
from server.calibration import FEATURES, OF_SCORES, Calibration, write_calibration
from tandem.embedding import load_embedder
from tandem.index import Index, Query, open_index
from tandem.live import Collection, Live
from tandem.retrieval_profile import Reading
from tandem.settings import AnswerSettings, Settings
from tandem.store import Store, open_store
from tandem.vocabulary import Caller, Passage, Scope, document_id

_RESULT = Path(__file__).parent / "results" / "evidence.json"
_BUNDLED = Path(__file__).parent.parent / "server" / "calibration.json"
_SETS = {
    "covidqa train": ("covidqa", "questions.train.jsonl"),
    "covidqa dev": ("covidqa", "questions.dev.jsonl"),
    "pubmedqa": ("pubmedqa", "questions.jsonl"),
}
_ROOT = Path(__file__).parent.parent
_PAGES = "tandem_docs"
_WEIGHT = 6
"""As often each case of Tandem's own pages counts, which makes them a third of all."""
_FOLDS = 5
_THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, asked with its document and without, and what came of it."""

    seen: Seen
    cosine: float
    there: bool
    """Whether the document was."""
    milliseconds: float
    """That the features took."""


def main() -> None:
    """Fit, judge, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--write", action="store_true", help="make the calibration Tandem's own")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked, fingerprint = asyncio.run(ask_all(Path(folder), arguments.data))
    train = [each.seen for each in asked["covidqa train"]]
    pages = [each.seen for each in asked[_PAGES]]
    calibration = _fitted(train, pages, fingerprint)
    report = {
        "command": "python -m bench.evidence",
        "machine": machine(),
        "weights": dict(zip(FEATURES, calibration.weights, strict=True)),
        "median_ms_per_question": round(statistics.median(e.milliseconds for e in asked["covidqa dev"]), 3),
        "sets": {
            name: judged(
                rows,
                _cross_fitted(train, pages)
                if name == _PAGES
                else [calibration.probability(each.seen.features) for each in rows],
            )
            for name, rows in asked.items()
        },
    }
    if arguments.write:
        write_calibration(calibration, _BUNDLED)
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _fitted(train: list[Seen], pages: list[Seen], embedder: str) -> Calibration:
    seen = train + pages * _WEIGHT
    told = f"CovidQA train, {len(train)} cases, and Tandem's own pages, {len(pages)} cases {_WEIGHT} times"
    return fit(seen, blank(np.array([one.features for one in seen]), FEATURES), told, embedder)


def _without_scores(values: tuple[float, ...]) -> tuple[float, ...]:
    """What comes with Tandem serves whatever scores the passages."""
    named = zip(FEATURES, values, strict=True)
    return tuple(0.0 if name in OF_SCORES else value for name, value in named)


def _cross_fitted(train: list[Seen], pages: list[Seen]) -> list[float]:
    """What is said of each case of Tandem's pages by a calibration that was fitted without its question."""
    groups = np.random.default_rng(0).permutation(sorted({one.group for one in pages})).tolist()
    fold_of = {group: n % _FOLDS for n, group in enumerate(groups)}
    made = [
        _fitted(train, [one for one in pages if fold_of[one.group] != fold], "") for fold in range(_FOLDS)
    ]
    return [made[fold_of[one.group]].probability(one.features) for one in pages]


async def ask_all(folder: Path, data: Path) -> tuple[dict[str, list[Asked]], str]:
    """Every question of every set, and the fingerprint of the embedder."""
    settings = Settings(data_dir=folder)
    embedder = load_embedder(settings.embedding)
    store = open_store(settings.store, folder)
    index = await open_index(
        settings.index, folder, dimension=embedder.dimension, fingerprint=embedder.fingerprint
    )
    live = Live(Collection(None, index, embedder))
    ingestor = Ingestor(store, live, settings.ingest)
    try:
        for corpus in sorted({corpus for corpus, _ in _SETS.values()}):
            for document in read_lines(data / corpus / "corpus.jsonl"):
                content = f"{document['title']}\n\n{document['text']}".encode()
                upload = Upload(uri=document["id"], name=f"{document['id']}.txt", content=content)
                await ingestor.ingest(Caller(), corpus, upload)
        for page in sorted((_ROOT / "docs").glob("*.md")):
            upload = Upload(uri=f"tandem:docs/{page.name}", name=page.name, content=page.read_bytes())
            await ingestor.ingest(Caller(), _PAGES, upload)
        sets = {
            name: (corpus, _cases(corpus, read_lines(data / corpus / file)))
            for name, (corpus, file) in _SETS.items()
        }
        sets[_PAGES] = (_PAGES, read_cases(_ROOT / "eval" / "sets" / "tandem_docs.jsonl"))
        asked = {
            name: await _ask(corpus, cases, live, store, settings.answer)
            for name, (corpus, cases) in sets.items()
        }
        return asked, embedder.fingerprint
    finally:
        await index.close()
        store.close()
        embedder.close()


def _cases(corpus: str, questions: list[Any]) -> list[EvalCase]:
    return [
        EvalCase(
            id=one["id"],
            question=one["question"],
            documents=tuple(one["doc_ids"]),
            references=tuple(one["answers"]) if corpus == "covidqa" else (),
        )
        for one in questions
    ]


async def _ask(
    corpus: str, cases: list[EvalCase], live: Live, store: Store, answer: AnswerSettings
) -> list[Asked]:
    rows, index, embedder = [], live.collection.index, live.collection.embedder
    for group, case in enumerate(cases):
        ids = [document_id(Caller().tenant, corpus, uri) for uri in case.documents]
        without = frozenset(store.current_versions(Caller().tenant, ids).items())
        vector = await embedder.embed_query(case.question)
        for besides in (frozenset(), without) if without else (frozenset(),):
            query = Query(case.question, vector, 2 * answer.passages, besides=besides)
            found = await _passages(index, Scope.of(Caller(), [corpus]), query, answer.passages)
            hold = holds(case, [Found(p.chunk.document_id, p.chunk.uri, p.chunk.text) for p in found])
            begun = time.perf_counter()
            values = _without_scores(features(case.question, found))
            spent = (time.perf_counter() - begun) * 1000
            nearest = max(passage.similarity for passage in found)
            rows.append(Asked(Seen(values, hold, group), nearest, case.answerable and not besides, spent))
    return rows


async def _passages(index: Index, scope: Scope, query: Query, most: int) -> list[Passage]:
    return readable(as_parents(await index.search(scope, query)), most, Reading())


def judged(rows: list[Asked], said: list[float]) -> dict[str, Any]:
    """All figures of one set, of whose cases `said` are the probabilities."""
    labels = [each.seen.holds for each in rows]
    cosines = [each.cosine for each in rows]
    groups = [each.seen.group for each in rows]
    there = [each.there for each in rows]

    def both(measure: Any, truth: list[bool]) -> dict[str, Any]:
        return {
            "calibrated": round(measure(truth, said), 4),
            "interval": [round(x, 4) for x in bootstrap(measure, truth, said, groups, draws=300)],
            "cosine": round(measure(truth, cosines), 4),
        }

    return {
        "cases": len(rows),
        "passages_hold_the_answer": sum(labels),
        "auroc": both(auroc, labels),
        "auroc_document_there_or_not": both(auroc, there),
        "aurc": both(aurc, labels),
        "ece": round(expected_calibration_error(labels, said), 4),
        "ece_interval": [
            round(x, 4) for x in bootstrap(expected_calibration_error, labels, said, groups, draws=300)
        ],
        "brier": round(brier(labels, said), 4),
        "reliability": [
            {key: round(value, 3) for key, value in asdict(each).items()}
            for each in reliability_diagram(labels, said)
        ],
        "thresholds": [threshold_row(threshold, labels, said) for threshold in _THRESHOLDS],
    }


def threshold_row(threshold: float, labels: list[bool], said: list[float]) -> dict[str, float]:
    """What a threshold costs: answers kept and lost where the passages hold one, and asked for where not."""
    held = [p >= threshold for label, p in zip(labels, said, strict=True) if label]
    empty = [p >= threshold for label, p in zip(labels, said, strict=True) if not label]
    answered = sum(held) + sum(empty)
    return {
        "threshold": threshold,
        "answerable_lost": round(1 - sum(held) / len(held), 4) if held else 0.0,
        "unanswerable_asked": round(sum(empty) / len(empty), 4) if empty else 0.0,
        "coverage": round(answered / len(labels), 4),
        "risk": round(sum(empty) / answered, 4) if answered else 0.0,
    }


if __name__ == "__main__":
    main()
