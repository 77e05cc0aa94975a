"""One file of records, many documents."""

import json
from datetime import UTC, datetime

import pytest

from ingest.accept import Upload
from ingest.records import Records, is_records, records
from tandem.errors import InvalidRequestError, TandemError, UnreadableDocumentError
from tandem.vocabulary import Marks

MAPPING = Records(
    text="body", title="headline", uri="id", metadata=("lang", "year"), tags="labels", expires_at="until"
)
ONE = {"id": 7, "body": "Text.", "headline": " T ", "lang": "de", "year": 2024, "labels": ["a", "b"]}
TWO = {"id": "x/y", "body": "Ü", "headline": None, "year": None, "labels": "c, d,", "until": "2030-01-02"}


def read(name: str, content: str | bytes, mapping: Records = MAPPING) -> list[Upload]:
    content = content if isinstance(content, bytes) else content.encode()
    return list(records(Upload(f"file:///{name}", name, content, marks=Marks(("file",), {"k": 1})), mapping))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", json.dumps(ONE) + "\n\n" + json.dumps(TWO) + "\n"),
        ("a.ndjson", json.dumps(ONE) + "\r\n" + json.dumps(TWO, ensure_ascii=False)),
        ("a.json", json.dumps([ONE, TWO], indent=1)),
    ],
)
def test_every_record_becomes_a_document_with_its_marks(name: str, content: str) -> None:
    first, second = read(name, content)
    assert (first.uri, first.title, first.content) == (f"file:///{name}#7", "T", b"Text.")
    assert first.marks == Marks(("file", "a", "b"), {"k": 1, "lang": "de", "year": 2024})
    assert (second.uri, second.title, second.content.decode()) == (f"file:///{name}#x/y", None, "Ü")
    assert second.name == f"{name}#x_y.txt"
    assert second.marks.tags == ("file", "c", "d")
    assert second.marks.expires_at == datetime(2030, 1, 2, tzinfo=UTC)
    assert second.marks.metadata == {"k": 1}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_by_its_first_line(delimiter: str) -> None:
    lines = ["id", "body", "headline", "labels", "lang", "year", "until"]
    row = ["1", '"Two\nlines, and ""more"""', "T", '"a,b"', "de", "2024", ""]
    (found,) = read(
        "a.tsv" if delimiter == "\t" else "a.csv", "\n".join(map(delimiter.join, (lines, row))) + "\n"
    )
    assert (found.uri, found.title) == (found.uri.partition("#")[0] + "#1", "T")
    assert found.content == b'Two\nlines, and "more"'
    assert found.marks.tags == ("file", "a", "b")
    assert found.marks.metadata == {"k": 1, "lang": "de", "year": "2024"}


def test_dots_lead_into_what_is_nested() -> None:
    record = {"a": {"b": [{"text": "deep"}]}, "meta": {"x": 1, "list": [1]}, "m.y": 2, "when": {"at": None}}
    mapping = Records(
        text="a.b.0.text", metadata=("meta.x", "meta.list", "m.y", "no.where"), expires_at="when.at"
    )
    (found,) = read("a.jsonl", json.dumps(record), mapping)
    assert found.content == b"deep"
    assert found.marks.metadata == {"k": 1, "meta.x": 1, "m.y": 2}
    assert found.uri == "file:///a.jsonl#1"


def test_the_list_in_a_document_is_found_by_its_place() -> None:
    whole = json.dumps({"data": {"items": [{"t": "one"}, {"t": "two"}]}})
    mapping = Records(text="t", at="data.items")
    assert [found.uri[-2:] for found in read("a.json", whole, mapping)] == ["#0", "#1"]
    with pytest.raises(InvalidRequestError, match=r"no list of records at 'data\.x'"):
        read("a.json", whole, Records(text="t", at="data.x"))
    assert len(read("a.json", '{"t": "one object"}', Records(text="t"))) == 1
    with pytest.raises(InvalidRequestError, match="no list"):
        read("a.json", '"text"', Records(text="t"))


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.jsonl", '{"id": 1, "body": "x"}\n{"id": 2, "text": "x"}', InvalidRequestError, "line 2 .*'body'"),
        ("a.jsonl", '{"id": 1, "body": "x"}\n{"id": 2,', UnreadableDocumentError, "line 2: "),
        ("a.jsonl", '\n\n{"id": 1, "body": 5}', InvalidRequestError, "line 3 has no text"),
        ("a.jsonl", '{"id": null, "body": "x"}', InvalidRequestError, "line 1 has no id"),
        ("a.jsonl", '{"id": true, "body": "x"}', InvalidRequestError, "line 1 has no id"),
        ("a.jsonl", '{"id": 1, "body": "x"}\n{"id": "1", "body": "y"}', InvalidRequestError, "line 2 .*: 1"),
        ("a.jsonl", '{"id": 1, "body": "x", "until": "soon"}', InvalidRequestError, "line 1 .*'soon'"),
        ("a.jsonl", "5", InvalidRequestError, "line 1 has no field 'body'"),
        ("a.json", '[\n{"id": 1, "body": "x"},\n{]', UnreadableDocumentError, "line 3: "),
        ("a.json", "[" * 100_000, UnreadableDocumentError, "line 1: "),
        ("a.json", '[{"id": 1, "body": ' + "9" * 5_000 + "}]", UnreadableDocumentError, "too long"),
        ("a.csv", "id,body,headline,lang,year,labels\n1,x,,,,\n", InvalidRequestError, "line 2 .*'until'"),
        ("a.csv", 'id,body\n1,"x', UnreadableDocumentError, "line 2: "),
        ("a.csv", "id,body\n1,x,more\n", InvalidRequestError, "line 2 has more fields"),
        ("a.jsonl", b"\xff\xfe\xfd", UnreadableDocumentError, "a.jsonl"),
        ("a.md", "# text", InvalidRequestError, "holds no records"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    name: str, content: str | bytes, error: type[TandemError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(name, content)


def test_a_long_field_of_a_table_is_read_whole() -> None:
    (found,) = read("a.csv", "body\n" + "x" * 500_000, Records(text="body"))
    assert len(found.content) == 500_000


def test_files_of_records_are_known_by_their_names() -> None:
    known = [name for name in ("a.JSON", "a.jsonl", "a.csv", "a.tsv", "a.md") if is_records(upload(name))]
    assert known == ["a.JSON", "a.jsonl", "a.csv", "a.tsv"]


def upload(name: str) -> Upload:
    return Upload(name, name, b"x")
