"""Questions with their answers, as a user has them in a file of JSON lines or CSV."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from tandem.errors import InvalidRequestError

_HINT = (
    'A line is {"question": ..., "answers": [...], "doc_ids": [...]}; `doc_ids` are ids or addresses of the '
    "documents that hold the answer."
)
_LISTS = ("answers", "answer", "doc_ids", "documents", "uris")


class SourceQuestion(BaseModel):
    """One question, its right answers, and the documents that they stand in."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str = ""
    question: str = Field(min_length=1)
    answers: tuple[str, ...] = Field((), validation_alias=AliasChoices("answers", "answer", "references"))
    documents: tuple[str, ...] = Field((), validation_alias=AliasChoices("doc_ids", "documents", "uris"))
    answer_start: int | None = None
    """Where in its document the first answer begins, in characters; tells one of several places from the others."""
    label: str | None = None
    """The class that the answer is of, such as `yes`; the wanted answer then begins with it."""
    answerable: bool = True
    elsewhere: bool = False
    """Whether another document answers it, too: it is never asked as one without an answer."""

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, fields: Any) -> Any:
        """One answer or document may stand without its list."""
        if not isinstance(fields, dict):
            return fields
        return {
            key: [value] if key in _LISTS and isinstance(value, str) else value
            for key, value in fields.items()
        }

    @model_validator(mode="after")
    def _whole(self) -> "SourceQuestion":
        if not self.question.strip():
            raise ValueError("the question is empty")
        if self.answerable and not any(answer.strip() for answer in self.answers):
            raise ValueError("a question without `answers`; one that has none needs `answerable: false`")
        if self.answerable and not self.documents:
            raise ValueError("a question without `doc_ids`, the documents that hold the answer")
        return self

    def as_line(self) -> str:
        """As JSON. What a question does not use is not in it, so that older files of the same questions are the same."""
        return self.model_dump_json(exclude=None if self.elsewhere else {"elsewhere"})


def read_questions(file: Path) -> list[SourceQuestion]:
    """All questions of a file of JSON lines or, by its ending, of CSV.

    In CSV a cell that begins with `[` is a JSON list, any other is one value. Raises `InvalidRequestError`,
    which names the line, for what is no question, and for a file without any.
    """
    questions = []
    for line, fields in _rows(file):
        try:
            question = SourceQuestion.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            said = first["msg"].removeprefix("Value error, ")
            raise _wrong(file, line, f"{place}: {said}" if place else said) from error
        questions.append(question if question.id else question.model_copy(update={"id": f"line-{line}"}))
    if not questions:
        raise InvalidRequestError(f"{file} holds no question", param="questions", hint=_HINT)
    return questions


def read_text(file: Path) -> str:
    """The file's text. Raises `InvalidRequestError`."""
    try:
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise InvalidRequestError(f"{file} cannot be read: {error.strerror}", param="questions") from error
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{file} is not UTF-8", param="questions") from error


def json_lines(file: Path) -> Iterator[tuple[int, Any]]:
    """Number and value of each line that is not empty. Raises `InvalidRequestError`, naming the line."""
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise _wrong(file, number, "is not JSON") from error


def _rows(file: Path) -> Iterator[tuple[int, Any]]:
    if file.suffix.lower() != ".csv":
        yield from json_lines(file)
        return
    reader = csv.DictReader(read_text(file).splitlines(keepends=True))
    for row in reader:
        try:
            yield reader.line_num, {name: _cell(value) for name, value in row.items() if name and value}
        except ValueError as error:
            raise _wrong(file, reader.line_num, "a cell begins with [ and is no JSON list") from error


def _cell(text: str) -> Any:
    return json.loads(text) if text.lstrip().startswith("[") else text


def _wrong(file: Path, line: int, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{file}, line {line}: {what}", param="questions", hint=_HINT)
