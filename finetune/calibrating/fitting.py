"""Weighs the model's own margin with the evidence, and finds the bias that costs no more answers than is wanted."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandem.abstention import Abstaining
from tandem.errors import InvalidRequestError

Floats = NDArray[np.float64]

LEAST = 20
"""Questions of either kind without which a share means nothing."""
_PRIOR = 5.0
"""As if both weights had been seen before, as strongly as five cases tell of them."""
_BEFORE = np.array([0.0, 0.0, 1.0])
"""What they were: the evidence is a probability already, so its log odds count once; the margin must show its worth."""
_STEPS = 50
_FOLDS = 5
_MOST = 20.0
"""Logits that a unit of the evidence's log odds can count for at most."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What there is to decide by, for one prompt."""

    margin: float
    """Logit of the first token of "I don't know." less the best other."""
    evidence: float
    """Probability that the passages hold the answer."""
    answerable: bool
    question: str
    """Its id: the prompts of one question are never apart."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was found. Shares are of the questions it was found on; each judged by a fit that has not seen it."""

    abstaining: Abstaining
    wrongly: float
    """The share of answerable questions that may go unanswered, as it was asked for."""
    answerable: int
    unanswerable: int
    said_answerable: float
    """Share of the answerable questions to which "I don't know" is said."""
    said_unanswerable: float
    auroc: float
    """Of telling the two kinds apart by both."""
    auroc_margin: float
    auroc_evidence: float

    def as_metrics(self) -> dict[str, Any]:
        """As an adapter's metrics keep it."""
        own = asdict(self)
        return {**own.pop("abstaining"), **own}


def calibrate(token: int, seen: Sequence[Weighed], wrongly: float) -> Calibrated:
    """The bias, and the weight of the evidence, at which `wrongly` of the answerable questions go unanswered.

    The weights are those of a logistic regression with a normal prior (MAP), fitted by Newton's method; the bias is a
    quantile of what they make of the answerable questions. Raises `InvalidRequestError` for too few questions of either kind, and where "I don't know."
    of this model tells nothing.
    """
    margins = np.array([one.margin for one in seen])
    odds = np.array([_log_odds(one.evidence) for one in seen])
    answerable = np.array([one.answerable for one in seen], bool)
    few = min(int(answerable.sum()), int((~answerable).sum()))
    if few < LEAST:
        raise InvalidRequestError(
            f"{few} questions with or without an answer are too few: at least {LEAST} of each are needed",
            param="questions",
            hint="Hold out more questions, each with the documents that answer it.",
        )
    if not 0 < wrongly < 1:
        raise InvalidRequestError(f"wrongly is {wrongly}, and must be between 0 and 1", param="wrongly")
    weight, threshold = _fitted(margins, odds, answerable, wrongly)
    said = np.zeros(len(seen), bool)
    scores = np.zeros(len(seen))
    numbers = {question: n for n, question in enumerate(dict.fromkeys(one.question for one in seen))}
    folds = np.array([numbers[one.question] % _FOLDS for one in seen])
    for fold in range(_FOLDS):
        held = folds == fold
        own_weight, own_threshold = _fitted(margins[~held], odds[~held], answerable[~held], wrongly)
        scores[held] = margins[held] - own_weight * odds[held] - own_threshold
        said[held] = scores[held] > 0
    return Calibrated(
        abstaining=Abstaining(token, round(-threshold, 4), round(weight, 4)),
        wrongly=wrongly,
        answerable=int(answerable.sum()),
        unanswerable=int((~answerable).sum()),
        said_answerable=round(float(said[answerable].mean()), 4),
        said_unanswerable=round(float(said[~answerable].mean()), 4),
        auroc=_auroc(~answerable, scores),
        auroc_margin=_auroc(~answerable, margins),
        auroc_evidence=_auroc(~answerable, -odds),
    )


def _fitted(
    margins: Floats, odds: Floats, answerable: NDArray[np.bool_], wrongly: float
) -> tuple[float, float]:
    """What a unit of the log odds counts in logits of the margin, and the threshold of margin less weighted odds."""
    scale = float(margins.std()) or 1.0
    design = np.stack([np.ones(len(margins)), (margins - margins.mean()) / scale, -odds], axis=1)
    prior = np.diag([0.0, _PRIOR, _PRIOR])
    weights, wanted = _BEFORE.copy(), (~answerable).astype(float)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (wanted - p) - prior @ (weights - _BEFORE)
        curve = (design * (p * (1 - p))[:, None]).T @ design + prior
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    margin, evidence = float(weights[1]) / scale, float(weights[2])
    if margin <= 0:
        raise InvalidRequestError(
            "How readily this model says that it does not know tells nothing: no bias can mend that",
            param="run",
            hint="Train it with more unanswerable examples: --unanswerable 0.25 of `tandem finetune dataset`.",
        )
    weight = float(np.clip(evidence / margin, 0.0, _MOST))
    return weight, float(np.quantile((margins - weight * odds)[answerable], 1 - wrongly))


def _log_odds(evidence: float) -> float:
    """As `Abstaining.bias_for` has it."""
    return -Abstaining(0, 0.0, 1.0).bias_for(evidence)


def _auroc(positive: NDArray[np.bool_], scores: Floats) -> float:
    """The chance that one of the positives scores higher than another, ties as a half."""
    higher = scores[positive][:, None] - scores[~positive][None, :]
    return round(float((higher > 0).mean() + (higher == 0).mean() / 2), 4)
