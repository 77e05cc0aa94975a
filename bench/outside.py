"""How well a question from another domain is told from one of the domain, and whether the threshold holds its rate.

    python -m bench.outside [--data ../shared/data] [--kept FILE]

A case is a corpus, questions of it, and questions of others: CovidQA against PubMedQA and against questions about
Tandem's own pages, both ways round, and two harder ones: articles about the same virus that are not in the corpus,
and the abstracts of the other half of PubMedQA. Of the corpus's own questions a quarter counts as known, a quarter
gives the threshold, and half is judged; in `covidqa, other articles` the known ones and those of the threshold are
of other articles than those that are judged, so the promise does not cover it. The evidence's calibration that Tandem
brings was fitted on CovidQA's train questions (`covidqa rest` here) and on those about Tandem's pages, so `evidence`
flatters where these are among the judged; PubMedQA and CovidQA's dev questions it has not seen.

Every score is a distance. AUROC with the 95% interval of 2,000 resamples of the questions; `fpr_at_95_tpr` is the
share of the domain's questions called outside where 95% of the others are. Both are of the first of 20 ways to
draw the parts; `false_alarms` at the conformal 5% is the mean over all of them, with its spread, and
`reliability` the same at other rates.
"""

import argparse
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.domains import Asked, asked_all
from bench.machine import machine
from server.drift.conformal import conformal_threshold
from server.drift.distance import combined, to_all, to_known

_RESULT = Path(__file__).parent / "results" / "outside.json"
_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
_DRAWS = 20
_RESAMPLES = 2_000
_SHRINKAGE = 0.5
Floats = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Case:
    """Questions of a corpus, and of others. `known` are drawn from `own` where they are not named."""

    searched: str
    own: tuple[str, ...]
    others: dict[str, tuple[str, ...]]
    known: tuple[str, ...] = ()


_CASES = {
    "covidqa": Case(
        "covidqa",
        ("covidqa dev", "covidqa rest"),
        {"pubmedqa": ("pubmedqa a", "pubmedqa b"), "tandem pages": ("tandem pages",)},
    ),
    "covidqa, dev articles only": Case(
        "covidqa, dev articles only",
        ("covidqa dev",),
        {"other articles on the virus": ("covidqa rest",), "pubmedqa": ("pubmedqa a", "pubmedqa b")},
    ),
    "covidqa, other articles": Case(
        "covidqa",
        ("covidqa dev",),
        {"pubmedqa": ("pubmedqa a", "pubmedqa b"), "tandem pages": ("tandem pages",)},
        known=("covidqa rest",),
    ),
    "pubmedqa": Case(
        "pubmedqa",
        ("pubmedqa a", "pubmedqa b"),
        {"covidqa": ("covidqa dev", "covidqa rest"), "tandem pages": ("tandem pages",)},
    ),
    "pubmedqa, one half": Case(
        "pubmedqa, one half",
        ("pubmedqa a",),
        {"abstracts of the other half": ("pubmedqa b",), "covidqa": ("covidqa dev", "covidqa rest")},
    ),
}


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--kept", type=Path, help="what the questions brought, from an earlier run")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    asked = asked_all(arguments.data, arguments.kept)
    report = {
        "command": "python -m bench.outside",
        "machine": machine(),
        "cases": {name: _measured(case, asked) for name, case in _CASES.items()},
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _measured(case: Case, asked: dict[str, Asked]) -> dict[str, Any]:
    own = _joined(asked, case.own, case.searched)
    others = {name: _joined(asked, sets, case.searched) for name, sets in case.others.items()}
    foreign = _joined(asked, case.known, case.searched) if case.known else None
    figures: dict[str, Any] = {"questions": len(own[0]), "others": {k: len(v[0]) for k, v in others.items()}}
    first: dict[str, dict[str, Any]] = {}
    achieved: dict[str, dict[float, list[float]]] = {}
    caught: dict[str, dict[str, list[float]]] = {}
    for draw in range(_DRAWS):
        known, held, judged = _parts(own, foreign, draw)
        for name, score in _scores(known).items():
            calm, usual = score(*held), score(*judged)
            rates = achieved.setdefault(name, {})
            for rate in _RATES:
                above = float((usual > conformal_threshold(calm.tolist(), rate)).mean())
                rates.setdefault(rate, []).append(above)
            for other, questions in others.items():
                strange = score(*questions)
                above = float((strange > conformal_threshold(calm.tolist(), 0.05)).mean())
                caught.setdefault(name, {}).setdefault(other, []).append(above)
                if draw == 0:
                    first.setdefault(name, {})[other] = _told(usual, strange)
    for name, told in first.items():
        for other, values in told.items():
            values["caught_at_5%"] = round(float(np.mean(caught[name][other])), 3)
        figures[name] = told | {"false_alarms": _rate(achieved[name][0.05])}
    figures["reliability"] = {f"{rate:.0%}": _rate(values) for rate, values in achieved["tandem"].items()}
    return figures


Questions = tuple[Floats, Floats, Floats]
"""Vectors, cosines of the passages, and evidence."""


def _joined(asked: dict[str, Asked], names: tuple[str, ...], searched: str) -> Questions:
    parts = [asked[name] for name in names]
    return (
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.cosines[searched] for part in parts]),
        np.concatenate([part.evidence[searched] for part in parts]),
    )


def _parts(own: Questions, foreign: Questions | None, draw: int) -> tuple[Questions, Questions, Questions]:
    """Those that are known, those that give the threshold, and those that are judged."""
    rng = np.random.default_rng(draw)
    if foreign is not None:
        places = rng.permutation(len(foreign[0]))
        half = len(places) // 2
        return _at(foreign, places[:half]), _at(foreign, places[half:]), own
    places = rng.permutation(len(own[0]))
    quarter = len(places) // 4
    return (
        _at(own, places[:quarter]),
        _at(own, places[quarter : 2 * quarter]),
        _at(own, places[2 * quarter :]),
    )


def _at(questions: Questions, places: Floats) -> Questions:
    vectors, cosines, evidence = questions
    return vectors[places], cosines[places], evidence[places]


def _scores(known: Questions) -> dict[str, Any]:
    bank = known[0]
    center = bank.mean(axis=0)
    covariance = np.cov(bank.T)
    even = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    inverse = np.linalg.inv((1 - _SHRINKAGE) * covariance + _SHRINKAGE * even)

    def mahalanobis(vectors: Floats, cosines: Floats, evidence: Floats) -> Floats:
        away = vectors - center
        return np.asarray(np.einsum("ij,jk,ik->i", away, inverse, away))

    return {
        "mean cosine of the passages": lambda v, c, e: 1 - np.nanmean(c, axis=1),
        "best cosine": lambda v, c, e: 1 - np.nanmax(c, axis=1),
        "evidence": lambda v, c, e: 1 - e,
        "nearest known questions": lambda v, c, e: to_known(v, bank),
        "mahalanobis": mahalanobis,
        "nearer of both": lambda v, c, e: np.minimum(to_known(v, bank), 1 - np.nanmax(c, axis=1)),
        "tandem, without known questions": lambda v, c, e: combined(1 - np.nanmax(c, axis=1), e),
        "tandem": lambda v, c, e: to_all(v, bank, np.nanmax(c, axis=1), e),
    }


def _told(usual: Floats, strange: Floats) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    drawn = [
        _auroc(rng.choice(usual, len(usual)), rng.choice(strange, len(strange))) for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {
        "auroc": round(_auroc(usual, strange), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "fpr_at_95_tpr": round(float((usual > np.quantile(strange, 0.05)).mean()), 3),
    }


def _auroc(usual: Floats, strange: Floats) -> float:
    """Mann and Whitney's: how often a strange one is further than a usual one; ties count half."""
    ranks = rankdata(np.concatenate([usual, strange]))[len(usual) :]
    return float((ranks.sum() - len(strange) * (len(strange) + 1) / 2) / (len(usual) * len(strange)))


def _rate(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(float(np.mean(values)), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
    }


if __name__ == "__main__":
    main()
