"""Fits a calibration of the evidence on questions whose answers are known to be there, or not to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.calibration import FEATURES, FURTHEST, OF_SCORES, OF_WORDS, Calibration
from server.word_counts import WordCounts
from tandem.errors import InvalidRequestError

Floats = NDArray[np.float64]

_STEPS = 50
_FLAT = 1e-6
"""A spread below which a feature does not vary, and keeps its size."""
_PRIOR = 10.0
"""As if each weight had been seen before, as strongly as ten cases tell of it: few questions move it little."""


class Case(BaseModel):
    """One line of an eval set: a question, and where its answer stands."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    question: str = Field(min_length=1)
    documents: tuple[str, ...] = Field((), description="Ids or addresses of documents that answer it.")
    answers: tuple[str, ...] = Field((), description="Texts of which a passage that answers holds one.")
    answerable: bool = True

    @model_validator(mode="after")
    def _says_where(self) -> "Case":
        if self.answerable and not self.documents and not any(answer.strip() for answer in self.answers):
            raise ValueError("an answerable question needs `documents`, or `answers` that stand in a passage")
        return self


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


def read_cases(file: Path) -> list[Case]:
    """The cases of a file of JSON lines. Raises `InvalidRequestError`, naming the line that cannot be read."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="questions") from error
    cases = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cases.append(Case.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidRequestError(
                f"{file}, line {number}: {place + ': ' if place else ''}"
                f"{first['msg'].removeprefix('Value error, ')}",
                param="questions",
                hint='A line is {"question": ..., "documents": [...], "answers": [...]}, '
                'or {"question": ..., "answerable": false}.',
            ) from error
    if not cases:
        raise InvalidRequestError(f"{file} holds no question", param="questions")
    return cases


def holds(case: Case, passages: Sequence[Found]) -> bool:
    """Whether one of the passages answers the case.

    It is of one of the documents, where the case names some, and has one of the answers in it, where it
    names some; white space and letter case do not count.
    """
    if not case.answerable:
        return False
    wanted = [folded for answer in case.answers if (folded := _fold(answer))]
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


def with_own(prior: Calibration, seen: Sequence[Seen], scored_by: str, words: WordCounts) -> Calibration:
    """The prior with the means and scales of these cases' scores and rarities of words, so that a fit may weigh them."""
    values = np.array([one.features for one in seen], float)
    mean, scale = list(prior.mean), list(prior.scale)
    for place in map(FEATURES.index, OF_SCORES + OF_WORDS):
        mean[place] = round(float(values[:, place].mean()), 6)
        spread = float(values[:, place].std())
        scale[place] = round(spread, 6) if spread > _FLAT else 1.0
    return prior.model_copy(
        update={"mean": tuple(mean), "scale": tuple(scale), "scored_by": scored_by, "words": words}
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
