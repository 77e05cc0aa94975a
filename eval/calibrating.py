"""Fits a calibration of the evidence on questions whose answers are known to be there, or not to be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.case import EvalCase
from server.calibration import FEATURES, FURTHEST, OF_MODEL, OF_SCORES, OF_WORDS, Calibration
from server.word_counts import WordCounts

Floats = NDArray[np.float64]

_STEPS = 50
_FLAT = 1e-6
"""A spread below which a feature does not vary, and keeps its size."""
_PRIOR = 10.0
"""As if each weight had been seen before, as strongly as ten cases tell of it: few questions move it little."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a question brought, as far as it matters here."""

    document_id: str
    uri: str
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What one question brought: its features, whether the passages hold the answer, and which question it was."""

    features: tuple[float, ...]
    holds: bool
    group: int


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


def fit(seen: Sequence[Seen], prior: Calibration, fitted_on: str, embedder: str) -> Calibration:
    """The logistic regression of these cases, held to the prior's weights.

    Maximises the likelihood of the labels times a normal prior around the weights of `prior` (MAP; ridge
    regression of Hoerl and Kennard 1970 where those are zero), by Newton's method (IRLS). The bias is free.
    Means and scales of the features stay the prior's.
    """
    x = _standardised(np.array([one.features for one in seen], float), prior)
    y = np.array([one.holds for one in seen], float)
    design = np.c_[x, np.ones(len(x))]
    strength = np.r_[np.full(x.shape[1], _PRIOR), 1e-6]
    anchor = np.r_[np.array(prior.weights), prior.bias]
    theta = anchor
    for _ in range(_STEPS):
        p = _sigmoid(design @ theta)
        gradient = design.T @ (p - y) + strength * (theta - anchor)
        curvature = (design.T * np.maximum(p * (1 - p), 1e-9)) @ design + np.diag(strength)
        step = np.linalg.solve(curvature, gradient)
        theta = theta - step
        if np.abs(step).max() < 1e-9:
            break
    return prior.model_copy(
        update={
            "weights": tuple(round(float(value), 6) for value in theta[:-1]),
            "bias": round(float(theta[-1]), 6),
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
    for place in map(FEATURES.index, (*OF_SCORES, *OF_WORDS, OF_MODEL)):
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


def cross_fitted(seen: Sequence[Seen], prior: Calibration, folds: int = 5) -> list[float]:
    """For each case, what a calibration says that was fitted without its question: an honest after."""
    groups = sorted({one.group for one in seen})
    fold_of = {group: n % folds for n, group in enumerate(np.random.default_rng(0).permutation(groups))}
    said = [0.0] * len(seen)
    for fold in range(folds):
        others = [one for one in seen if fold_of[one.group] != fold]
        fitted = fit(others, prior, "", "") if others else prior
        for place, one in enumerate(seen):
            if fold_of[one.group] == fold:
                said[place] = fitted.probability(one.features)
    return said


def _standardised(values: Floats, prior: Calibration) -> Floats:
    standard: Floats = (values - np.array(prior.mean)) / np.array(prior.scale)
    return np.asarray(np.clip(standard, -FURTHEST, FURTHEST), float)


def _sigmoid(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -40, 40))))


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
