"""Any reader of LlamaIndex is a source; over HTTP only what the settings name."""

import json
import sys
import types
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from ingest.sources import (
    BucketSource,
    FilesSource,
    Item,
    Reach,
    ReaderSource,
    SitemapSource,
    UrlsSource,
    check_allowed,
    fetch,
    items,
)
from tandem.errors import InvalidRequestError, SettingsError, TandemError, TooLargeError, UnavailableError
from tandem.settings import IngestSettings

FOLDER = "llama_index.core.readers.file.base:SimpleDirectoryReader"
TEXTS = "llama_index.core.readers.StringIterableReader"


class TestReader(BaseReader):
    """A reader as a user may write one."""

    __test__ = False

    def __init__(self, secret_word: str = "", fails: str = "") -> None:
        self.secret_word = secret_word
        self.fails = fails

    def load_data(self, number: int = 1) -> list[Document]:
        match self.fails:
            case "refused":
                raise ConnectionRefusedError("no route")
            case "broken":
                raise KeyError(f"wrong word {self.secret_word}")
        pages: list[dict[str, Any]] = [
            {"url": "https://example.org/a", "title": " Page ", "views": 5, "nested": {"a": 1}, "none": None},
            {"source": "notes", "score": float("nan"), "public": True, "long": "x" * 5_000},
        ]
        named = Document(text="named", id_="page-7", metadata=pages[1])
        return [Document(text=f"page {n}", metadata=pages[0]) for n in range(number)] + [
            named,
            Document(text="nameless"),
        ]


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    made = types.ModuleType("readers_of_a_test")
    made.TestReader = TestReader  # type: ignore[attr-defined]
    made.run = lambda **_: pytest.fail("this must not be called")  # type: ignore[attr-defined]
    made.Other = Path  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "readers_of_a_test", made)


def listed(source: ReaderSource, **settings: Any) -> list[Item]:
    kept = items(source, Reach(IngestSettings(**settings)))
    return [Item(**json.loads(json.dumps(asdict(item)))) for item in kept]


def test_a_reader_of_llama_index_reads_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\ntext of a")
    (tmp_path / "b.txt").write_text("text of b")
    source = ReaderSource(reader=FOLDER, arguments={"input_dir": str(tmp_path)}, tags=("read",))
    found = listed(source)
    uploads = [fetch(source, item, Reach(IngestSettings())) for item in found]
    assert [upload.uri for upload in uploads] == [
        (tmp_path / name).absolute().as_uri() for name in ("a.md", "b.txt")
    ]
    assert [upload.name for upload in uploads] == ["a.md", "b.txt"]
    assert b"text of a" in uploads[0].content
    assert uploads[0].marks.tags == ("read",)
    assert uploads[0].marks.metadata["file_size"] == 14
    assert listed(source) == found


def test_texts_without_names_are_known_by_what_they_say() -> None:
    source = ReaderSource(reader=TEXTS, load={"texts": ["one", "two", "one"]})
    first, second, third = listed(source)
    assert len({first.uri, second.uri, third.uri}) == 3
    assert third.uri == f"{first.uri}#2"
    assert listed(source) == [first, second, third]
    assert first.name.endswith(".txt")


def test_addresses_titles_and_metadata_come_from_the_documents() -> None:
    source = ReaderSource(reader="readers_of_a_test:TestReader", load={"number": 2}, metadata={"team": "x"})
    pages = listed(source)
    assert [item.uri for item in pages[:3]] == [
        "https://example.org/a",
        "https://example.org/a#2",
        "reader:readers_of_a_test:TestReader#page-7",
    ]
    upload = fetch(source, pages[0], Reach(IngestSettings()))
    assert (upload.title, upload.content) == ("Page", b"page 0")
    assert upload.marks.metadata["views"] == 5
    assert upload.marks.metadata["team"] == "x"
    assert not {"nested", "none"} & upload.marks.metadata.keys()
    named = fetch(source, pages[2], Reach(IngestSettings()))
    assert (named.marks.metadata["public"], len(str(named.marks.metadata["long"]))) == (True, 1_000)
    assert "score" not in named.marks.metadata


def test_a_text_over_the_limit_is_refused_by_itself() -> None:
    source = ReaderSource(reader=TEXTS, load={"texts": ["short", "x" * 5_000]})
    short, long = listed(source, max_text_chars=1_000)
    assert "x" * 100 not in json.dumps(asdict(long))
    reach = Reach(IngestSettings(max_text_chars=1_000))
    assert fetch(source, short, reach).content == b"short"
    with pytest.raises(TooLargeError):
        fetch(source, long, reach)


@pytest.mark.parametrize(
    "reader",
    ["os:system", "subprocess.Popen", "readers_of_a_test:run", "readers_of_a_test:Other", "json:loads"],
)
def test_what_is_no_reader_is_never_called(reader: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a LlamaIndex reader"):
        listed(ReaderSource(reader=reader))


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (ReaderSource(reader="no_such_package:X"), InvalidRequestError, "cannot be imported"),
        (ReaderSource(reader="llama_index.core.readers:Nothing"), InvalidRequestError, "not a LlamaIndex"),
        (ReaderSource(reader=FOLDER, arguments={"wrong": 1}), InvalidRequestError, "TypeError"),
        (ReaderSource(reader=FOLDER, arguments={"input_dir": "/no/such"}), InvalidRequestError, "failed"),
        (
            ReaderSource(reader="readers_of_a_test:TestReader", arguments={"fails": "refused"}),
            UnavailableError,
            "no route",
        ),
        (
            ReaderSource(reader="readers_of_a_test:TestReader", environment={"secret_word": "NOT_SET_HERE"}),
            SettingsError,
            "NOT_SET_HERE",
        ),
    ],
)
def test_a_reader_that_fails_is_told(source: ReaderSource, error: type[TandemError], message: str) -> None:
    with pytest.raises(error, match=message):
        listed(source)


def test_a_secret_of_the_environment_reaches_the_reader_and_no_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORD_OF_A_TEST", "hunter2-canary")
    source = ReaderSource(
        reader="readers_of_a_test:TestReader",
        arguments={"fails": "broken"},
        environment={"secret_word": "WORD_OF_A_TEST"},
    )
    with pytest.raises(InvalidRequestError) as caught:
        listed(source)
    assert "wrong word ***" in caught.value.message
    assert "canary" not in caught.value.message
    good = source.model_copy(update={"arguments": {}})
    assert "canary" not in json.dumps([asdict(item) for item in listed(good)]) + good.model_dump_json()


def test_over_http_only_named_readers_and_allowed_urls_may_be_used() -> None:
    shut, open_ = IngestSettings(), IngestSettings(allow_urls=True, readers=("a.b.C",))
    for source in (UrlsSource(urls=("https://example.org/",)), SitemapSource(url="https://example.org/s")):
        check_allowed(source, open_)
        with pytest.raises(SettingsError):
            check_allowed(source, shut)
    check_allowed(ReaderSource(reader="a.b:C"), open_)
    for refused in (
        ReaderSource(reader="a.b:D"),
        ReaderSource(reader="a.b.C", environment={"word": "HOME"}),
        FilesSource(paths=(Path("/etc"),)),
        BucketSource(url="s3://bucket"),
    ):
        with pytest.raises(InvalidRequestError, match="not allowed over HTTP"):
            check_allowed(refused, open_)
