"""What comes through the door, and what does not."""

import pytest
from pdfs import pdf_bytes

from ingest.accept import Upload, accept, check_corpus
from ingest.sniffing import MediaType
from tandem.errors import (
    InvalidRequestError,
    TooLargeError,
    UnreadableDocumentError,
    UnsupportedDocumentError,
)
from tandem.settings import IngestSettings
from tandem.vocabulary import Marks

SMALL = IngestSettings(max_file_mb=0.01)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def accepted(name: str, content: bytes):
    return accept(Upload(f"file:///{name}", name, content), SMALL)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.md", b"", InvalidRequestError),
        ("blank.md", b" \n\t\n", UnreadableDocumentError),
        ("huge.txt", b"a" * 11_000, TooLargeError),
        ("huge.pdf", b"%PDF-1.7" + b"a" * 11_000, TooLargeError),
        ("picture.pdf", PNG, UnsupportedDocumentError),
        ("picture.md", PNG, UnsupportedDocumentError),
        ("text.pdf", b"only text", UnsupportedDocumentError),
        ("archive.docx", b"PK\x03\x04 and so on", UnreadableDocumentError),
        ("bytes.txt", bytes(range(256)) * 20, UnsupportedDocumentError),
        ("nul.txt", b"text\x00text", UnsupportedDocumentError),
        ("control.txt", b"\x01\x02\x03\x04 text" * 9, UnsupportedDocumentError),
        ("latin.txt", "café".encode("latin-1"), UnreadableDocumentError),
        ("cut.txt", "\ufefftext".encode("utf-16")[:-1], UnreadableDocumentError),
        ("surrogate.txt", b"\xed\xa0\x80", UnreadableDocumentError),
        ("wide.txt", "text".encode("utf-16-le"), UnsupportedDocumentError),
    ],
)
def test_a_bad_file_is_refused_by_name(name: str, content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        accepted(name, content)


@pytest.mark.parametrize(
    ("name", "content", "media_type", "text"),
    [
        ("a.md", b"# A\r\n\rtext\n", MediaType.MARKDOWN, "# A\n\ntext\n"),
        ("a.txt", b"# A", MediaType.PLAIN, "# A"),
        ("noname", "ä".encode(), MediaType.PLAIN, "ä"),
        ("a.md", "\ufeffä".encode(), MediaType.MARKDOWN, "ä"),
        ("a.txt", "ä\U0001f600\r\n".encode("utf-16"), MediaType.PLAIN, "ä\U0001f600\n"),
        ("a.txt", "ä".encode("utf-32"), MediaType.PLAIN, "ä"),
        ("a.txt", b"<!-- x --> <!DOCTYPE html><p>x", MediaType.HTML, "<!-- x --> <!DOCTYPE html><p>x"),
        ("a.html", b"<p>x", MediaType.HTML, "<p>x"),
        ("a.html", b"no tags", MediaType.PLAIN, "no tags"),
        ("a.md", b"<h1 align=center>x</h1>", MediaType.MARKDOWN, "<h1 align=center>x</h1>"),
        ("a.html", b"<meta charset=latin-1><p>\xe9", MediaType.HTML, "<meta charset=latin-1><p>é"),
        ("a.html", "<meta charset=hex><p>é".encode(), MediaType.HTML, "<meta charset=hex><p>é"),
        ("wrong.txt", pdf_bytes(["x"]), MediaType.PDF, None),
    ],
)
def test_the_content_decides_what_a_file_is(
    name: str, content: bytes, media_type: MediaType, text: str
) -> None:
    source = accepted(name, content)
    assert (source.media_type, source.text) == (media_type, text)


def test_the_place_of_a_broken_byte_is_told_with_what_to_do() -> None:
    with pytest.raises(UnreadableDocumentError, match=r"byte 6 \(0xe9\)") as caught:
        accepted("a.md", b"\xef\xbb\xbfcaf\xe9")
    assert "iconv" in str(caught.value.hint)


@pytest.mark.parametrize("uri", ["", "  ", "a\nb", "a\x00b", "x" * 2_001])
def test_a_strange_address_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        accept(Upload(uri, "a.md", b"text"), SMALL)
    assert caught.value.param == "uri"


@pytest.mark.parametrize("corpus", ["", "A", ".a", "-a", "a b", "ä", "a/b", "..", "a" * 65, "a\n"])
def test_a_strange_name_of_a_corpus_is_refused(corpus: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_corpus(corpus)
    assert caught.value.param == "corpus"


@pytest.mark.parametrize("corpus", ["a", "0", "a.b-c_d", "a" * 64])
def test_a_plain_name_of_a_corpus_is_taken(corpus: str) -> None:
    check_corpus(corpus)


def test_a_picture_is_let_in_only_with_recognition_on() -> None:
    with pytest.raises(UnsupportedDocumentError, match="recognition is off") as caught:
        accepted("picture.png", PNG)
    assert "ingest.ocr" in str(caught.value.hint)
    source = accept(Upload("u", "picture.png", PNG), IngestSettings(ocr=True))
    assert (source.media_type, source.text) == (MediaType.PNG, None)


def test_what_the_owner_says_of_a_document_goes_along() -> None:
    marks = Marks(tags=("sea",))
    source = accept(Upload("u", "a.md", b"x", title="Mine", marks=marks), SMALL)
    assert (source.title, source.marks) == ("Mine", marks)


def test_an_old_name_on_a_new_kind_of_text_is_no_lie() -> None:
    assert accepted("report.doc", b"<html><p>x").media_type is MediaType.HTML
    assert accepted("report.doc", b"{\\rtf1 x}").media_type is MediaType.RTF


@pytest.mark.parametrize("charset", ["utf-7", "punycode", "unicode_escape", "utf-16", "nonsense"])
def test_a_page_cannot_name_an_encoding_that_no_browser_reads(charset: str) -> None:
    content = f"<meta charset={charset}><p>+ADw-".encode()
    assert str(accepted("a.html", content).text).endswith("<p>+ADw-")
