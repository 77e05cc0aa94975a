"""Training questions of an adapter as a domain of their own."""

from pathlib import Path

import numpy as np

from server.drift.distance import NEIGHBOURS, to_known
from server.drift.domains import QUESTIONS, Known
from tandem.adapters.training_questions import TrainingQuestions, read_training_questions

_SEED = 7


def known_of_training(trained: TrainingQuestions, rate: float, label: str) -> Known:
    """Half of them count as known; the distances of the other half give the threshold, as for a tenant."""
    drawn = np.random.default_rng(_SEED).permutation(trained.vectors)
    known, others = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
    distances = np.sort(to_known(others, known)).tolist() if len(known) >= NEIGHBOURS else []
    return Known(trained.embedder, known, {QUESTIONS: distances}, rate, label)


def training_domain(folder: Path, rate: float, label: str) -> Known | None:
    """That of a version's folder; `None` where it has no training questions. Raises `InvalidRequestError`."""
    trained = read_training_questions(folder)
    return None if trained is None else known_of_training(trained, rate, label)
