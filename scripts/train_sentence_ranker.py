"""Trains the ranker of sentences on questions with known answers, and writes its weights into the package.

    PYTHONPATH=. python scripts/train_sentence_ranker.py [--data ../shared/data/covidqa]

A softmax over all sentences of a question's best passages is to put its weight on those that hold the answer
(ListNet's top-one probability, Cao et al. 2007). How strongly the weights are held back is chosen by five-fold
cross-validation over the questions' documents.
"""

import argparse
import asyncio
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.collection import ingested
from bench.texts import read_lines
from server.answering.read import readable
from server.answering.sentence_features import FEATURES, features, sentences_of
from server.answering.sentence_ranker import FILE
from tandem.index import Query
from tandem.rerank.light import LightReranker
from tandem.retrieval_profile import Reading, retrieval_profile

_TARGET = Path(__file__).parents[1] / "server" / "answering" / FILE
_PASSAGES = 10
_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
_FOLDS = 5
_BEGINNING = 30
"""Characters of an answer of several sentences that must stand in the one where it begins."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question's document, the features of its sentences, and which of them hold the answer."""

    document: str
    features: NDArray[np.float64]
    holds: NDArray[np.bool_]


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    arguments = parser.parse_args()
    documents = read_lines(arguments.data / "corpus.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        files = (arguments.data / f"questions.{part}.jsonl" for part in ("train", "dev"))
        train, dev = asyncio.run(_cases(documents, [read_lines(file) for file in files], Path(folder)))
    strength = max(_STRENGTHS, key=lambda c: _cross_validated(train, c))
    weights = _train(train, strength)
    record = {
        "command": "PYTHONPATH=. python scripts/train_sentence_ranker.py",
        "trained_on": f"{arguments.data.name}, train: {len(train)} questions, their best {_PASSAGES} passages",
        "inverse_regularisation": strength,
        "best_sentence_holds_the_answer": {
            "cross_validated": round(_cross_validated(train, strength), 4),
            "dev": round(float(np.mean([_hit(weights, case) for case in dev])), 4),
        },
        "weights": {name: round(float(w), 5) for name, w in zip(FEATURES, weights, strict=True)},
    }
    print(json.dumps(record, indent=2))
    _TARGET.write_text(json.dumps(record, indent=2) + "\n")


async def _cases(documents: list[Any], sets: Sequence[list[Any]], folder: Path) -> list[list[Case]]:
    reranker, made = LightReranker(), []
    async with ingested(documents, folder) as there:
        profile = retrieval_profile(there.settings)
        most = there.settings.retrieval.rerank_candidates
        for questions in sets:
            cases = []
            for asked in questions:
                text = asked["question"]
                query = Query(text, await there.embedder.embed_query(text), most, fusion=profile.fusion)
                found = await there.index.search(there.scope, query)
                order = np.argsort(-np.array(reranker.score(text, found)), kind="stable")
                passages = readable([found[place] for place in order], _PASSAGES, Reading())
                places = sentences_of(passages)
                texts = [passages[one.passage].chunk.text[one.span.start : one.span.end] for one in places]
                holds = np.array([any(_holds(each, answer) for answer in asked["answers"]) for each in texts])
                cases.append(Case(asked["doc_ids"][0], features(text, passages, places), holds))
            made.append(cases)
    return made


def _holds(sentence: str, answer: str) -> bool:
    here, wanted = _folded(sentence), _folded(answer)
    return wanted in here or (len(wanted) > _BEGINNING and wanted[:_BEGINNING] in here)


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text.casefold()).strip()


def _train(cases: Sequence[Case], strength: float) -> NDArray[np.float64]:
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    told = [case for case in cases if case.holds.any()]
    scale = np.concatenate([case.features for case in told]).std(0)
    scale[scale == 0] = np.inf  # a feature that never varies here has nothing to say

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total, slope = weights @ weights / strength, 2 * weights / strength
        for case in told:
            x = case.features / scale
            scores = x @ weights
            whole, right = logsumexp(scores), logsumexp(scores[case.holds])
            total += whole - right
            slope += np.exp(scores - whole) @ x - np.exp(scores[case.holds] - right) @ x[case.holds]
        return float(total), slope

    found = minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B").x
    weights: NDArray[np.float64] = found / scale
    return weights


def _hit(weights: NDArray[np.float64], case: Case) -> bool:
    """Whether the best sentence holds the answer; not where none does."""
    return bool(len(case.holds) and case.holds[int(np.argmax(case.features @ weights))])


def _cross_validated(cases: Sequence[Case], strength: float) -> float:
    """The share of hits, for documents that were not trained on."""
    names = sorted({case.document for case in cases})
    fold = {name: number % _FOLDS for number, name in enumerate(names)}
    hits = []
    for out in range(_FOLDS):
        weights = _train([case for case in cases if fold[case.document] != out], strength)
        hits += [_hit(weights, case) for case in cases if fold[case.document] == out]
    return float(np.mean(hits))


if __name__ == "__main__":
    main()
