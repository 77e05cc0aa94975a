"""Judges whether the passages can carry an answer at all."""

from collections.abc import Sequence

from server.answering.evidence_features import features
from server.calibration import Calibration, Explained
from tandem.vocabulary import Passage


def evidence_of(
    question: str, passages: Sequence[Passage], calibration: Calibration, explained: Explained | None = None
) -> float:
    """The probability, in [0, 1], that the passages hold the answer to the question; 0 without passages.

    `question` is the text that was searched for, so that a follow-up is judged with what it leans on. Where the
    passages are scored by something else than those of the calibration, as when the reranker was late, Tandem's own
    serves, which looks at no score. `explained` is what `server.answering.explained` says; `None` moves nothing.
    """
    if not passages:
        return 0.0
    fitting = calibration.where_scored_by(passages[0].scored_by)
    known = fitting.usually_explained if explained is None else explained
    return fitting.probability(features(question, passages, fitting.words, known))
