"""Files, archives and tables come apart into documents."""

import io
import zipfile

from ingest.accept import Upload
from ingest.archives import Refusal
from ingest.expanding import documents
from ingest.records import Records
from tandem.settings import IngestSettings

SETTINGS = IngestSettings()


def uris(upload: Upload, mapping: Records | None = None) -> list[str]:
    return [
        f"refused {found.uri}" if isinstance(found, Refusal) else found.uri
        for found in documents(upload, mapping, SETTINGS)
    ]


def test_a_plain_file_is_itself() -> None:
    upload = Upload("u", "a.md", b"text")
    assert list(documents(upload, Records(text="x"), SETTINGS)) == [upload]


def test_tables_in_an_archive_become_records_where_a_mapping_says_how() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.md", "text")
        archive.writestr("good.jsonl", '{"x": "1"}\n{"x": "2"}')
        archive.writestr("bad.jsonl", '{"x": "1"}\n{"y": "2"}')
        archive.writestr("b.md", "text")
    upload = Upload("u", "a.zip", stream.getvalue())
    assert uris(upload) == ["u!/a.md", "u!/good.jsonl", "u!/bad.jsonl", "u!/b.md"]
    assert uris(upload, Records(text="x")) == [
        "u!/a.md",
        "u!/good.jsonl#1",
        "u!/good.jsonl#2",
        "u!/bad.jsonl#1",
        "refused u!/bad.jsonl",
        "u!/b.md",
    ]
