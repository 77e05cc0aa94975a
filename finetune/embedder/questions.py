"""Questions for a tuning, from a user's file or from a training set."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from finetune.dataset.questions import read_questions
from finetune.embedder.pairs import Asked
from finetune.examples import Kind, TrainingExample, read_examples
from tandem.errors import InvalidRequestError


def read_asked(file: Path) -> list[Asked]:
    """The answerable questions of a file of JSON lines or CSV. Raises `InvalidRequestError`, which names the line."""
    found = [
        Asked(one.question, one.answers, one.documents) for one in read_questions(file) if one.answerable
    ]
    if not found:
        raise InvalidRequestError(f"{file} holds no answerable question", param="questions")
    return found


def read_set(folder: Path) -> tuple[list[Asked], list[Asked]]:
    """Questions to train on and to validate on, as a training set has split them; each question once.

    Raises `InvalidRequestError` where the folder is no training set.
    """
    return _asked(read_examples(folder / "train.jsonl")), _asked(read_examples(folder / "validation.jsonl"))


def hash_of(asked: Iterable[Asked]) -> str:
    """SHA-256, in hex, that the questions are known by; their order does not count."""
    lines = sorted("\0".join((one.question, *one.answers, *one.documents)) for one in asked)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _asked(examples: Iterable[TrainingExample]) -> list[Asked]:
    """Copies of a question stand among different passages, which does not matter here."""
    return list(
        dict.fromkeys(
            Asked(one.question, one.references, one.documents)
            for one in examples
            if one.kind is Kind.GROUNDED
        )
    )
