"""Judges whether the passages can carry an answer at all."""

from collections.abc import Sequence

from server.answering.evidence_features import features
from server.calibration import Calibration
from tandem.vocabulary import Passage


def evidence_of(question: str, passages: Sequence[Passage], calibration: Calibration) -> float:
    """The probability, in [0, 1], that the passages hold the answer to the question; 0 without passages.

    `question` is the text that was searched for, so that a follow-up is judged with what it leans on.
    """
    return calibration.probability(features(question, passages, calibration.words)) if passages else 0.0
