"""Trains the light reranker on questions with known answers, and writes its weights into the package.

    PYTHONPATH=. python scripts/train_light_reranker.py [--data ../shared/data/covidqa]

Each chunk that holds the answer is to stand above each candidate that does not: a logistic regression over
the differences of their features (RankSVM's pairs, Joachims 2002), each question counted alike. How strongly
it is held back is chosen by five-fold cross-validation over the questions' documents.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.collection import ingested
from bench.texts import read_lines
from eval.retrieval import answer_rank
from tandem.index import Query
from tandem.rerank.features import FEATURES, features
from tandem.retrieval_profile import retrieval_profile

_TARGET = Path(__file__).parents[1] / "tandem" / "rerank" / "light.json"
_STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_FOLDS = 5

Case = tuple[str, NDArray[np.float32], NDArray[np.bool_]]
"""A question's document, its candidates' features, and which of them hold the answer."""


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    arguments = parser.parse_args()
    documents = read_lines(arguments.data / "corpus.jsonl")
    questions = read_lines(arguments.data / "questions.train.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        cases = asyncio.run(_cases(documents, questions, Path(folder)))
    strength, reached = max(((c, _cross_validated(cases, c)) for c in _STRENGTHS), key=lambda pair: pair[1])
    weights = _train(cases, strength)
    record = {
        "command": "PYTHONPATH=. python scripts/train_light_reranker.py",
        "trained_on": f"{arguments.data.name}, train: {len(cases)} questions with an answer among the candidates",
        "inverse_regularisation": strength,
        "cross_validated_mrr": round(reached, 4),
        "weights": {name: round(float(w), 5) for name, w in zip(FEATURES, weights, strict=True)},
    }
    print(json.dumps(record, indent=2))
    _TARGET.write_text(json.dumps(record, indent=2) + "\n")


async def _cases(documents: list[Any], questions: list[Any], folder: Path) -> list[Case]:
    cases = []
    async with ingested(documents, folder) as there:
        profile = retrieval_profile(there.settings)
        for asked in questions:
            text = asked["question"]
            query = Query(
                text,
                await there.embedder.embed_query(text),
                there.settings.retrieval.rerank_candidates,
                fusion=profile.fusion,
            )
            found = await there.index.search(there.scope, query)
            holds = np.array([answer_rank(asked["answers"], [p.chunk.text]) is not None for p in found])
            if holds.any() and not holds.all():
                cases.append((asked["doc_ids"][0], features(text, found), holds))
    return cases


def _train(cases: list[Case], strength: float) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    scale = np.concatenate([x for _, x, _ in cases]).std(0)
    scale[scale == 0] = np.inf  # a feature that never varies here has nothing to say
    pairs = np.concatenate(
        [(x[holds][:, None] - x[~holds][None]).reshape(-1, len(FEATURES)) for _, x, holds in cases]
    )
    shares = np.concatenate(
        [np.full(n, 30 / n) for n in (holds.sum() * (~holds).sum() for _, _, holds in cases)]
    )
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=1_000)
    model.fit(
        np.concatenate([pairs, -pairs]) / scale,
        np.repeat([1, 0], len(pairs)),
        sample_weight=np.concatenate([shares, shares]),
    )
    found: NDArray[np.float64] = model.coef_[0] / scale
    return found


def _cross_validated(cases: list[Case], strength: float) -> float:
    """Mean reciprocal rank of the first chunk that holds the answer, for documents that were not trained on."""
    names = sorted({document for document, _, _ in cases})
    fold = {name: number % _FOLDS for number, name in enumerate(names)}
    inverse = []
    for out in range(_FOLDS):
        weights = _train([case for case in cases if fold[case[0]] != out], strength)
        for document, x, holds in cases:
            if fold[document] == out:
                order = np.argsort(-(x @ weights), kind="stable")
                inverse.append(1 / (1 + int(np.argmax(holds[order]))))
    return float(np.mean(inverse))


if __name__ == "__main__":
    main()
