"""Turns one file of records into many documents: JSON, JSONL and CSV, by a mapping of their fields."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ingest.accept import Upload
from ingest.decoding import decode
from tandem.errors import InvalidRequestError, TooLargeError, UnreadableDocumentError
from tandem.vocabulary import Marks, Scalar

_MOST_RECORDS = 1_000_000
_MOST_CHARS = 1_000
"""Longest value of a record's metadata, and longest tag and title."""

_DELIMITERS = ",;\t|"
_JSON = frozenset({".json", ".geojson"})
_JSONL = frozenset({".jsonl", ".ndjson"})
_CSV = frozenset({".csv", ".tsv"})

FieldPath = Annotated[str, Field(min_length=1, max_length=300)]
"""The name of a field; dots lead into nested ones, and a number is a place in a list."""


class Records(BaseModel):
    """Which field of a record is what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: FieldPath
    title: FieldPath | None = None
    uri: FieldPath | None = Field(
        None, description="Tells the record from the others of its file; else its place does."
    )
    metadata: tuple[FieldPath, ...] = Field((), max_length=100)
    tags: FieldPath | None = Field(None, description="A list, or words with commas between.")
    expires_at: FieldPath | None = None
    at: FieldPath | None = Field(None, description="Where the list of records is in a JSON file.")


@dataclass(frozen=True, slots=True)
class Row:
    """One record: what it holds, its number, and where it is, in words."""

    fields: Any
    number: int
    place: str
    is_table: bool = False
    """Every row of a table has the same fields; a record of JSON may leave some out."""


def is_records(upload: Upload) -> bool:
    """Whether the file is one of those that hold records, by its name."""
    return PurePath(upload.name).suffix.lower() in _JSON | _JSONL | _CSV


def records(upload: Upload, mapping: Records) -> Iterator[Upload]:
    """A document for each record, at `{uri of the file}#{id of the record}`.

    Marks of the record stand above those of the file. Raises `UnreadableDocumentError` for a file that is
    damaged, `InvalidRequestError` for a record that is not as the mapping says; both name the line.
    """
    seen: set[str] = set()
    for count, row in enumerate(_rows(upload, mapping), start=1):
        if count > _MOST_RECORDS:
            raise TooLargeError(
                f"{upload.name} has more than {_MOST_RECORDS:,} records", hint="Split the file."
            )
        document = _document(upload, row, mapping)
        if document.uri in seen:
            raise _wrong(upload, row, f"has the id of another record: {document.uri.rpartition('#')[2]}")
        seen.add(document.uri)
        yield document


def moment_of(value: object) -> object:
    """A date or a moment, from text or as YAML gives it, with UTC where no zone is named.

    What cannot be one is handed back, to be refused with the name of its place.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _document(upload: Upload, row: Row, mapping: Records) -> Upload:
    text = _field(upload, row, mapping.text)
    if not isinstance(text, str):
        raise _wrong(upload, row, f"has no text in {mapping.text!r}")
    key = str(row.number)
    if mapping.uri is not None:
        found = _field(upload, row, mapping.uri)
        if not isinstance(found, str | int) or isinstance(found, bool) or not str(found).strip():
            raise _wrong(upload, row, f"has no id in {mapping.uri!r}")
        key = str(found).strip()
    title = _scalar(_extra(upload, row, mapping.title))
    plain = "".join(char if char.isalnum() or char in "-_." else "_" for char in key[-80:])
    return replace(
        upload,
        uri=f"{upload.uri}#{key}",
        name=f"{PurePath(upload.name).name}#{plain}.txt",
        content=text.encode("utf-8", "replace"),
        title=None if title is None else str(title),
        marks=_marks(upload, row, mapping),
    )


def _marks(upload: Upload, row: Row, mapping: Records) -> Marks:
    metadata = dict(upload.marks.metadata)
    for path in mapping.metadata:
        value = _scalar(_extra(upload, row, path))
        if value is not None:
            metadata[path] = value
    tags = (*upload.marks.tags, *_tags(_extra(upload, row, mapping.tags)))
    named = _extra(upload, row, mapping.expires_at)
    expires_at = moment_of(named)
    if named in (None, ""):
        expires_at = upload.marks.expires_at
    elif not isinstance(expires_at, datetime):
        raise _wrong(upload, row, f"has no date in {mapping.expires_at!r}: {str(named)[:100]!r}")
    return Marks(tuple(dict.fromkeys(tags)), metadata, expires_at)


def _scalar(value: Any) -> Scalar | None:
    """`value` as metadata can hold it; `None` for nothing, lists and objects."""
    if isinstance(value, str):
        return value.strip()[:_MOST_CHARS] or None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float) else None


def _tags(value: Any) -> list[str]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    words = (str(part).strip()[:_MOST_CHARS] for part in parts if isinstance(part, str | int))
    return [word for word in words if word]


def _field(upload: Upload, row: Row, path: str) -> Any:
    """The value at `path`. Raises `InvalidRequestError` for a field of the mapping that is not there."""
    found, value = _follow(row.fields, path)
    if not found:
        raise _wrong(upload, row, f"has no field {path!r}", hint="Check the names in `records`.")
    return value


def _extra(upload: Upload, row: Row, path: str | None) -> Any:
    """As `_field`, but `None` where no field is meant, and where a record of JSON leaves it out."""
    if path is None:
        return None
    if row.is_table:
        return _field(upload, row, path)
    return _follow(row.fields, path)[1]


def _follow(value: Any, path: str) -> tuple[bool, Any]:
    """Whether there is something at `path`, and what. A name with dots in it wins over the way they lead."""
    if isinstance(value, Mapping) and path in value:
        return True, value[path]
    for name in path.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif value is None:
            return True, None  # The way ends in a null: there is a field, and nothing in it.
        else:
            return False, None
    return True, value


def _rows(upload: Upload, mapping: Records) -> Iterator[Row]:
    suffix = PurePath(upload.name).suffix.lower()
    text = decode(upload.content, upload.name)
    if suffix in _JSON:
        return _json_rows(upload, text, mapping.at)
    if suffix in _JSONL:
        return _jsonl_rows(upload, text)
    if suffix in _CSV:
        return _csv_rows(upload, text, "\t" if suffix == ".tsv" else None)
    raise InvalidRequestError(
        f"{upload.name} holds no records",
        param="records",
        hint="A mapping of records goes with .json, .jsonl, .ndjson, .csv and .tsv.",
    )


def _json_rows(upload: Upload, text: str, at: str | None) -> Iterator[Row]:
    whole = _parsed(upload, text, 1)
    listed = whole
    if at is not None:
        listed = _follow(whole, at)[1]
    elif isinstance(whole, dict):
        listed = [whole]
    if not isinstance(listed, list):
        raise InvalidRequestError(
            f"{upload.name} has no list of records{f' at {at!r}' if at else ''}",
            param="records.at",
            hint="Name the field that holds the list in `records.at`.",
        )
    for number, fields in enumerate(listed):
        yield Row(fields, number, f"record {number + 1}")


def _jsonl_rows(upload: Upload, text: str) -> Iterator[Row]:
    # Not splitlines(): a JSON text may hold U+2028 and its like as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield Row(_parsed(upload, line, number), number, f"line {number}")


def _csv_rows(upload: Upload, text: str, delimiter: str | None) -> Iterator[Row]:
    # The module's own limit is 128 KiB a field; it is a setting of the process, and only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    head = text.split("\n", 1)[0]
    delimiter = delimiter or max(_DELIMITERS, key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise UnreadableDocumentError(
                f"{upload.name}, line {reader.reader.line_num}: {error}", param="file"
            ) from error
        if fields is None:
            return
        row = Row(fields, reader.line_num, f"line {reader.line_num}", is_table=True)
        if None in fields:
            raise _wrong(upload, row, "has more fields than the first line")
        yield row


def _parsed(upload: Upload, text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableDocumentError(
            f"{upload.name}, line {line + error.lineno - 1}: {error.msg}", param="file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableDocumentError(
            f"{upload.name}, line {line}: numbers too long or nested too deep", param="file"
        ) from error


def _wrong(upload: Upload, row: Row, what: str, hint: str | None = None) -> InvalidRequestError:
    return InvalidRequestError(f"{upload.name}, {row.place} {what}", param="records", hint=hint)
