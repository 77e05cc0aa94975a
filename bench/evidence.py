"""Fits the calibration of the evidence on CovidQA's train questions, and judges it where it was not fitted.

    python -m bench.evidence [--data ../shared/data] [--write]

Every question is asked twice of the real index: with its document there, and with that document left out.
The passages hold the answer if one is of the question's document and has the answer's text in it (CovidQA)
or is of its abstract (PubMedQA, whose answers are not written in the abstracts). The calibration is fitted on
train (69 articles are there, dev's are others) and judged on dev and on PubMedQA, beside the best cosine,
which was the evidence before. `--write` makes it the one that Tandem brings.
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
from eval.calibrating import Case, Found, Seen, blank, fit, holds
from eval.reliability import aurc, auroc, bootstrap, brier, expected_calibration_error, reliability_diagram
from ingest import Ingestor, Upload
from server.answering.evidence_features import features
from server.answering.read import as_parents, readable
from server.calibration import FEATURES, Calibration, write_calibration
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
    prior = blank(np.array([one.features for one in train]), FEATURES)
    told = f"CovidQA train: {len(train) // 2} questions, each with and without its document"
    calibration = fit(train, prior, told, fingerprint)
    report = {
        "command": "python -m bench.evidence",
        "machine": machine(),
        "weights": dict(zip(FEATURES, calibration.weights, strict=True)),
        "median_ms_per_question": round(statistics.median(e.milliseconds for e in asked["covidqa dev"]), 3),
        "sets": {name: judged(rows, calibration) for name, rows in asked.items()},
    }
    if arguments.write:
        write_calibration(calibration, _BUNDLED)
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


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
        asked = {
            name: await _ask(corpus, read_lines(data / corpus / file), live, store, settings.answer)
            for name, (corpus, file) in _SETS.items()
        }
        return asked, embedder.fingerprint
    finally:
        await index.close()
        store.close()
        embedder.close()


async def _ask(
    corpus: str, questions: list[Any], live: Live, store: Store, answer: AnswerSettings
) -> list[Asked]:
    rows, index, embedder = [], live.collection.index, live.collection.embedder
    for group, question in enumerate(questions):
        documents = [document_id(Caller().tenant, corpus, each) for each in question["doc_ids"]]
        left_out = frozenset(store.current_versions(Caller().tenant, documents).items())
        answers = question["answers"] if corpus == "covidqa" else []
        case = Case(question=question["question"], documents=tuple(documents), answers=tuple(answers))
        vector = await embedder.embed_query(question["question"])
        for besides in (frozenset(), left_out):
            query = Query(question["question"], vector, 2 * answer.passages, besides=besides)
            found = await _passages(index, Scope.of(Caller(), [corpus]), query, answer.passages)
            hold = holds(case, [Found(p.chunk.document_id, p.chunk.uri, p.chunk.text) for p in found])
            begun = time.perf_counter()
            values = features(question["question"], found)
            spent = (time.perf_counter() - begun) * 1000
            nearest = max(passage.similarity for passage in found)
            rows.append(Asked(Seen(values, hold, group), nearest, not besides, spent))
    return rows


async def _passages(index: Index, scope: Scope, query: Query, most: int) -> list[Passage]:
    return readable(as_parents(await index.search(scope, query)), most, Reading())


def judged(rows: list[Asked], calibration: Calibration) -> dict[str, Any]:
    """All figures of one set."""
    labels = [each.seen.holds for each in rows]
    said = [calibration.probability(each.seen.features) for each in rows]
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
