"""Questions for a tuning, from a user's file or from a training set."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from finetune.embedder.pairs import Asked
from finetune.examples import Kind, TrainingExample, read_examples
from tandem.errors import InvalidRequestError

_HINT = 'A line is {"question": ..., "answers": [...], "doc_ids": [...]}.'


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")
    question: str = Field(min_length=1)
    answers: tuple[str, ...] = ()
    documents: tuple[str, ...] = Field((), validation_alias=AliasChoices("doc_ids", "documents"))
    answerable: bool = True


def read_asked(file: Path) -> list[Asked]:
    """The answerable questions of a file of JSON lines. Raises `InvalidRequestError`, which names the line."""
    try:
        lines = file.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="questions") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            read = _Line.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidRequestError(
                f"{file}, line {number}: {place + ': ' if place else ''}{first['msg']}",
                param="questions",
                hint=_HINT,
            ) from error
        if read.answerable:
            found.append(Asked(read.question, read.answers, read.documents))
    if not found:
        raise InvalidRequestError(f"{file} holds no answerable question", param="questions", hint=_HINT)
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
