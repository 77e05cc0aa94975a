"""Vectors of training questions go with a version, and what is none is refused."""

from pathlib import Path

import numpy as np
import pytest

from tandem.adapters.training_questions import (
    MOST_QUESTIONS,
    QUESTIONS,
    TrainingQuestions,
    read_training_questions,
    write_training_questions,
)
from tandem.errors import InvalidRequestError


def test_they_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert read_training_questions(tmp_path) is None
    written = np.eye(4, 8, dtype=np.float32)
    write_training_questions(tmp_path, TrainingQuestions("e", written))
    found = read_training_questions(tmp_path)
    assert found is not None
    assert (found.embedder, found.vectors.tolist()) == ("e", written.tolist())


def test_of_many_some_are_kept(tmp_path: Path) -> None:
    write_training_questions(tmp_path, TrainingQuestions("e", np.ones((MOST_QUESTIONS + 9, 2), np.float32)))
    found = read_training_questions(tmp_path)
    assert found is not None
    assert len(found.vectors) == MOST_QUESTIONS


@pytest.mark.parametrize(
    "content",
    [
        {"vectors": np.array([{"a": 1}], dtype=object), "embedder": np.array("e")},
        {"vectors": np.ones((2, 3)), "embedder": np.array("e")},
        {"vectors": np.full((2, 3), np.nan, np.float16), "embedder": np.array("e")},
        {"vectors": np.ones((2, 3), np.float16), "embedder": np.array([1, 2])},
        {"others": np.ones(3)},
    ],
)
def test_anything_else_is_refused(tmp_path: Path, content: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / QUESTIONS, **content)
    with pytest.raises(InvalidRequestError):
        read_training_questions(tmp_path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / QUESTIONS).write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InvalidRequestError):
        read_training_questions(tmp_path)
