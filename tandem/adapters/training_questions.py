"""Vectors of the questions that an adapter was trained on: by them a question is known to be like these or not.

A small file of the version, without words. A version without it is served all the same.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tandem.errors import InvalidRequestError

QUESTIONS = "questions.npz"
MOST_BYTES = 16 * 1024 * 1024
MOST_QUESTIONS = 1_000
"""More would tell nothing more, and cost each question time."""
_SEED = 3
_MOST_DIMENSION = 8_192


@dataclass(frozen=True, slots=True)
class TrainingQuestions:
    """Some questions of a training set as vectors."""

    embedder: str
    """Fingerprint of the embedder: vectors of another one cannot be compared with them."""
    vectors: NDArray[np.float32]
    """Shape (questions, dimension), each of length 1."""


def write_training_questions(folder: Path, questions: TrainingQuestions) -> None:
    """Write them beside the weights, at most `MOST_QUESTIONS`, drawn by chance. Raises `OSError`."""
    vectors = questions.vectors
    if len(vectors) > MOST_QUESTIONS:
        vectors = np.random.default_rng(_SEED).permutation(vectors)[:MOST_QUESTIONS]
    np.savez(folder / QUESTIONS, vectors=vectors.astype("<f2"), embedder=np.array(questions.embedder))


def read_training_questions(folder: Path) -> TrainingQuestions | None:
    """What was written; `None` where the version has none. Raises `InvalidRequestError` for anything else."""
    file = folder / QUESTIONS
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    try:
        # Never a pickle: it comes from wherever the adapter comes from.
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            vectors, embedder = arrays["vectors"], arrays["embedder"]
    except Exception as error:
        raise _broken() from error
    fits = (
        vectors.dtype == np.dtype("<f2")
        and vectors.ndim == 2
        and 0 < vectors.shape[1] <= _MOST_DIMENSION
        and len(vectors) <= MOST_QUESTIONS
        and np.isfinite(vectors).all()
        and embedder.dtype.kind == "U"
        and embedder.ndim == 0
    )
    if not fits:
        raise _broken()
    return TrainingQuestions(str(embedder), vectors.astype(np.float32))


def _broken() -> InvalidRequestError:
    return InvalidRequestError(f"{QUESTIONS} holds no vectors of training questions", param="folder")
