"""Reads eval sets from files of JSON lines or CSV."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eval.case import EvalCase
from eval.sets.checking import check_case
from eval.sets.hashing import id_of_question
from finetune.dataset.questions import read_text
from tandem.errors import InvalidRequestError

HINT = (
    'A line is {"question": ..., "references": [...], "documents": [...], "label": ..., "tags": [...]}, or '
    '{"question": ..., "answerable": false}; a CSV file has the same words in its first line.'
)
_KNOWN = {*EvalCase.model_fields, "answers", "answer", "reference", "doc_ids", "uris"}
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class ReadSet:
    """The cases of a file, and what it says that no case knows of."""

    cases: list[EvalCase]
    passed_over: Counter[str]
    """Names of fields that mean nothing here, and in how many lines."""


def read_cases(file: Path) -> list[EvalCase]:
    """All cases of a file of JSON lines or, by its ending, of CSV or TSV.

    A case without an id gets one from its question. Raises `InvalidRequestError`, which names file and line,
    for what is no case, for an id or a question without id that is there twice, and for an empty file.
    """
    return read_set(file).cases


def read_set(file: Path) -> ReadSet:
    """As `read_cases`, and tells what was passed over."""
    cases: list[EvalCase] = []
    lines: dict[str, int] = {}
    passed_over: Counter[str] = Counter()
    for line, fields in _rows(file):
        case = _case(file, line, fields)
        if case.id in lines:
            named = isinstance(fields, dict) and fields.get("id")
            raise _wrong(
                file,
                line,
                f"the id {case.id!r} is that of line {lines[case.id]}, too"
                if named
                else f"asks the same as line {lines[case.id]}",
                "Give each case an id of its own." if named else "Remove one of the two, or give both an id.",
            )
        lines[case.id] = line
        cases.append(case)
        passed_over.update(fields.keys() - _KNOWN)
    if not cases:
        raise InvalidRequestError(f"{file} holds no case", param="file", hint=HINT)
    return ReadSet(cases, passed_over)


def _case(file: Path, line: int, fields: Any) -> EvalCase:
    if not isinstance(fields, dict):
        raise _wrong(file, line, "is no JSON object")
    if "draft" in fields:
        raise _wrong(
            file, line, "it is a draft, which is to be reviewed", f"tandem eval sets review {fields['draft']}"
        )
    if fields.get("reviewed") is False:
        raise _wrong(file, line, "nobody has reviewed this case", "tandem eval sets review NAME")
    fields = {name: value for name, value in fields.items() if value is not None}
    if not isinstance(fields.get("question"), str) or not fields["question"].strip():
        raise _wrong(file, line, "the question is empty" if "question" in fields else "it has no `question`")
    if not isinstance(fields.get("label", ""), str):
        told = json.dumps(fields["label"], ensure_ascii=False)
        raise _wrong(
            file, line, f"the label {told} is no text", 'Write classes as text, such as "label": "yes".'
        )
    number = fields.get("id")
    if isinstance(number, int) and not isinstance(number, bool):
        fields["id"] = str(number)
    try:
        case = EvalCase.model_validate({"id": "?", **fields})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise _wrong(file, line, f"{place}: {said}" if place else said) from error
    if "id" not in fields:
        case = case.model_copy(update={"id": id_of_question(case.question, case.history)})
    try:
        return check_case(case)
    except InvalidRequestError as error:
        raise _wrong(file, line, error.message, error.hint) from error


def _rows(file: Path) -> Iterator[tuple[int, Any]]:
    """Number of the line that a row ends on, and its fields."""
    text = read_text(file)
    if file.suffix.lower() in (".csv", ".tsv"):
        yield from _csv_rows(file, text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                hint = (
                    "Write one object a line, as `jq -c '.[]' FILE` does." if line.startswith("[") else HINT
                )
                raise _wrong(file, number, "is not JSON", hint) from error


def _csv_rows(file: Path, text: str) -> Iterator[tuple[int, Any]]:
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if None in row:
                raise _wrong(file, reader.line_num, "has more cells than the first line", HINT)
            yield (
                reader.line_num,
                {
                    name: _cell(file, reader.line_num, name, value)
                    for name, value in row.items()
                    if name and value
                },
            )
    except csv.Error as error:
        raise _wrong(file, reader.line_num, f"is no CSV: {error}") from error


def _cell(file: Path, line: int, name: str, text: str) -> Any:
    """A cell that begins with `[` is a JSON list, any other is one value; tags are parted by `;` or `,`."""
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise _wrong(file, line, f"the cell {name} begins with [ and is no JSON list") from error
    if name == "tags":
        return [tag for each in text.split(";") for tag in each.split(",") if tag.strip()]
    return text


def _wrong(file: Path, line: int, what: str, hint: str | None = HINT) -> InvalidRequestError:
    return InvalidRequestError(f"{file}, line {line}: {what}", param="file", hint=hint or HINT)
