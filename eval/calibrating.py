"""Fits a calibration of the evidence on questions whose answers are known to be there, or not to be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from eval.case import EvalCase
from server.calibration import FEATURES, FURTHEST, OF_MODEL, OF_SCORES, OF_WORDS, Calibration
from server.word_counts import WordCounts

Floats = NDArray[np.float64]

_STEPS = 50
_FOLDS = 5
_FLAT = 1e-6
"""A spread below which a feature does not vary, and keeps its size."""
_PRIOR = 10.0
"""As if each weight had been seen before, as strongly as ten cases tell of it: few questions move it little."""
_HELD = 100.0
"""The same, of weights that are held to zero: far more than the best for documents like those of the fit, and better
for others."""
_LOOSE = 0.1
"""The same, of the factor that scales the logits: so few cases tell much of one number."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a question brought, as far as it matters here."""

    document_id: str
    uri: str
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What one question brought."""

    features: tuple[float, ...]
    holds: bool
    """Whether the passages hold the answer."""
    group: int
    """The same for questions of the same documents: what was fitted with one says nothing of another."""
    certain: bool = True
    """Whether that is known. Of passages of the right document that say no reference to the letter it is not: they may
    say it in other words."""


def usable(cases: Sequence[EvalCase]) -> list[EvalCase]:
    """The cases that a fit can learn from: they say where the answer stands, or that it stands nowhere.

    No follow-ups: a calibration searches for the question alone.
    """
    return [
        case
        for case in cases
        if not case.history and (case.documents or case.references or not case.answerable)
    ]


def holds(case: EvalCase, passages: Sequence[Found]) -> bool:
    """Whether one of the passages answers the case.

    It is of one of the documents, where the case names some, and has one of the references in it, where it
    names some; white space and letter case do not count.
    """
    if not case.answerable:
        return False
    wanted = [folded for answer in case.references if (folded := _fold(answer))]
    return any(
        (not case.documents or one.document_id in case.documents or one.uri in case.documents)
        and (not wanted or any(answer in _fold(one.text) for answer in wanted))
        for one in passages
    )


def fit(
    seen: Sequence[Seen], prior: Calibration, fitted_on: str, embedder: str, *, strength: float = _PRIOR
) -> Calibration:
    """The logistic regression of these cases, held to the prior's weights.

    Maximises the likelihood of the labels times a normal prior around the weights of `prior` (MAP; ridge
    regression of Hoerl and Kennard 1970 where those are zero), by Newton's method (IRLS). The bias is free.
    Means and scales of the features stay the prior's.
    """
    x = _standardised(np.array([one.features for one in seen], float), prior)
    y = np.array([one.holds for one in seen], float)
    anchor = np.r_[np.array(prior.weights), prior.bias]
    theta = _newton(x, y, anchor, strength)
    return prior.model_copy(
        update={
            "weights": tuple(round(float(value), 6) for value in theta[:-1]),
            "bias": round(float(theta[-1]), 6),
            "fitted_on": fitted_on,
            "embedder": embedder,
        }
    )


def fit_for_others(seen: Sequence[Seen], prior: Calibration, fitted_on: str, embedder: str) -> Calibration:
    """A calibration that is to hold for questions of other documents than these.

    The weights are held to zero, strongly, and learn from the cases alone of which it is certain whether the passages
    hold the answer. That leaves the logits too small: they are scaled (Platt 1999) by all cases, each by what is said
    of it without its documents. The means and scales are those of `prior`, its weights do not count.
    """
    start = prior.model_copy(update={"weights": (0.0,) * len(prior.weights), "bias": 0.0})
    plain = _fit_certain(seen, start, 1.0)
    said = [(logit, seen[place].holds) for place, logit in _logits_without(seen, start)]
    factor, shift = _scaling(*np.array(said, float).T) if said else (1.0, 0.0)
    return plain.model_copy(
        update={
            "weights": tuple(round(factor * weight, 6) for weight in plain.weights),
            "bias": round(factor * plain.bias + shift, 6),
            "fitted_on": fitted_on,
            "embedder": embedder,
        }
    )


def with_own(
    prior: Calibration, seen: Sequence[Seen], scored_by: str, words: WordCounts, model: str = ""
) -> Calibration:
    """The prior with the means and scales of these cases' scores, rarities of words, and what `model` says, so that a
    fit may weigh them.
    """
    values = np.array([one.features for one in seen], float)
    mean, scale = list(prior.mean), list(prior.scale)
    for place in map(FEATURES.index, (*OF_SCORES, *OF_WORDS, *OF_MODEL)):
        mean[place] = round(float(values[:, place].mean()), 6)
        spread = float(values[:, place].std())
        scale[place] = round(spread, 6) if spread > _FLAT else 1.0
    return prior.model_copy(
        update={
            "mean": tuple(mean),
            "scale": tuple(scale),
            "scored_by": scored_by,
            "words": words,
            "model": model,
        }
    )


def blank(features: Floats, names: tuple[str, ...]) -> Calibration:
    """A calibration that knows nothing yet but the means and scales of `features`, shape (cases, features)."""
    scale = features.std(axis=0)
    return Calibration(
        features=names,
        mean=tuple(round(float(value), 6) for value in features.mean(axis=0)),
        scale=tuple(round(float(value), 6) if value > _FLAT else 1.0 for value in scale),
        weights=(0.0,) * len(names),
        bias=0.0,
        fitted_on="nothing",
        embedder="",
    )


def cross_fitted(seen: Sequence[Seen], prior: Calibration) -> list[float]:
    """For each case, what a calibration says that was fitted without its documents: an honest after."""
    said = [0.0] * len(seen)
    for others, places in _folds(seen):
        fitted = fit_for_others(others, prior, "", "") if others else prior
        for place in places:
            said[place] = fitted.probability(seen[place].features)
    return said


def _fit_certain(seen: Sequence[Seen], start: Calibration, share: float) -> Calibration:
    """`share` is that of `seen` in the cases of the whole fit: a part is held as much less, or its logits are smaller."""
    certain = [one for one in seen if one.certain]
    if len({one.holds for one in certain}) < 2:  # nothing to tell apart
        return start
    return fit(certain, start, "", "", strength=share * _HELD)


def _logits_without(seen: Sequence[Seen], start: Calibration) -> Iterator[tuple[int, float]]:
    """Place and logit of each case, by the fit to the others; of none where all are of one group."""
    for others, places in _folds(seen):
        if others:
            fitted = _fit_certain(others, start, len(others) / len(seen))
            yield from ((place, _logit(fitted.probability(seen[place].features))) for place in places)


def _folds(seen: Sequence[Seen]) -> Iterator[tuple[list[Seen], list[int]]]:
    """The cases to fit with, and the places of those to try it on; a group is never on both sides."""
    groups = sorted({one.group for one in seen})
    fold_of = {group: n % _FOLDS for n, group in enumerate(np.random.default_rng(0).permutation(groups))}
    for fold in range(_FOLDS):
        places = [place for place, one in enumerate(seen) if fold_of[one.group] == fold]
        if places:
            yield [one for one in seen if fold_of[one.group] != fold], places


def _scaling(logits: Floats, labels: Floats) -> tuple[float, float]:
    """Factor, at least 0, and shift that make the logits fit the labels best."""
    middle, spread = float(logits.mean()), max(float(logits.std()), _FLAT)
    slope, bias = _newton((logits[:, None] - middle) / spread, labels, np.zeros(2), _LOOSE)
    factor = max(float(slope) / spread, 0.0)
    return factor, float(bias) - factor * middle


def _newton(x: Floats, y: Floats, anchor: Floats, strength: float) -> Floats:
    """Weights and, last, the bias."""
    design = np.c_[x, np.ones(len(x))]
    held = np.r_[np.full(x.shape[1], strength), 1e-6]
    theta = anchor
    for _ in range(_STEPS):
        p = _sigmoid(design @ theta)
        gradient = design.T @ (p - y) + held * (theta - anchor)
        curvature = (design.T * np.maximum(p * (1 - p), 1e-9)) @ design + np.diag(held)
        step = np.linalg.solve(curvature, gradient)
        theta = theta - step
        if np.abs(step).max() < 1e-9:
            break
    return theta


def _standardised(values: Floats, prior: Calibration) -> Floats:
    standard: Floats = (values - np.array(prior.mean)) / np.array(prior.scale)
    return np.asarray(np.clip(standard, -FURTHEST, FURTHEST), float)


def _sigmoid(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -40, 40))))


def _logit(p: float) -> float:
    return log(p / (1 - p))


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
