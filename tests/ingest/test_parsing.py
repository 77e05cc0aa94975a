"""Files become text, pages and headings; hostile ones are refused and the next one is read."""

from collections.abc import Iterator

import pytest
from pdfs import pdf_bytes

from ingest.accept import Upload, accept
from ingest.child import ParserChildren
from ingest.parsing import Parsed, parse
from tandem.errors import TooLargeError, UnreadableDocumentError
from tandem.settings import IngestSettings
from tandem.vocabulary import Heading

PAGES = ["Title (of it)\nand more.", "Page two says café.", "", "Page four"]
HTML = b"""<!doctype html><html><head><title>A &amp;
 B</title><meta name=description content=no><style>p{}</style></head><body><nav>menu</nav><h1>Top</h1>
<p>Some <b>bold</b> text.<script>no()</script></p><h2>Sub</h2><pre># not a heading</pre></body></html>"""


@pytest.fixture(scope="module")
def children() -> Iterator[ParserChildren]:
    children = ParserChildren(IngestSettings(max_text_chars=10_000))
    yield children
    children.close()


def parsed(children: ParserChildren, name: str, content: bytes) -> Parsed:
    return parse(accept(Upload(name, name, content), IngestSettings()), children)


def test_every_page_of_a_pdf_stands_where_it_says(children: ParserChildren) -> None:
    found = parsed(children, "a.pdf", pdf_bytes(PAGES, title="My book"))
    assert [found.text[page.start : page.end] for page in found.pages] == PAGES
    assert [page.number for page in found.pages] == [1, 2, 3, 4]
    assert found.title == "My book"
    assert found.warnings == ["1 of 4 pages hold no text and cannot be found: 3"]


def test_a_pdf_whose_first_pages_are_blank_keeps_its_numbers(children: ParserChildren) -> None:
    found = parsed(children, "a.pdf", pdf_bytes(["", "", "text"]))
    assert (found.text, found.title, found.pages[2].start) == ("text", "a.pdf", 0)


def test_a_page_of_html_becomes_markdown_with_its_title(children: ParserChildren) -> None:
    found = parsed(children, "a.html", HTML)
    assert found.title == "A & B"
    assert found.text.startswith("# Top\n\nSome **bold** text.")
    assert found.headings == (Heading(1, "Top", 0), Heading(2, "Sub", found.text.index("## Sub")))
    assert "no()" not in found.text
    assert "description" not in found.text


def test_html_of_another_encoding_is_read(children: ParserChildren) -> None:
    content = "<html><head><meta charset=windows-1252></head><p>œuf".encode("cp1252")
    assert parsed(children, "a.html", content).text == "œuf"


def test_markdown_and_text_are_kept_as_they_are(children: ParserChildren) -> None:
    found = parsed(children, "a.md", b"  \ntext\r\n\r\n## Two\n\n# One  \n")
    assert found.text == "  \ntext\n\n## Two\n\n# One  \n"
    assert (found.title, [h.title for h in found.headings]) == ("One", ["Two", "One"])
    assert parsed(children, "a.txt", b"# no") == Parsed("a.txt", "# no")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("scan.pdf", pdf_bytes(["", ""]), "ocrmypdf"),
        ("locked.pdf", pdf_bytes(["x"], locked=True), "without a password"),
        ("cut.pdf", pdf_bytes(PAGES)[:300], "export it again"),
        ("junk.pdf", b"%PDF-1.7\njunk", "export it again"),
        ("script.html", b"<html><script>all()</script></html>", "browser"),
    ],
)
def test_a_file_without_readable_text_is_refused_with_what_to_do(
    children: ParserChildren, name: str, content: bytes, says: str
) -> None:
    with pytest.raises(UnreadableDocumentError, match=name) as caught:
        parsed(children, name, content)
    assert says in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"a " * 5_001),
        ("a.html", b"<p>" + b"a " * 6_000),
        ("a.pdf", pdf_bytes(["word " * 40] * 60)),
    ],
)
def test_too_much_text_is_refused(children: ParserChildren, name: str, content: bytes) -> None:
    with pytest.raises(TooLargeError, match="10000 characters"):
        parsed(children, name, content)


def test_a_parser_that_takes_too_long_is_killed_and_the_next_file_is_read() -> None:
    children = ParserChildren(IngestSettings(parse_timeout_s=0.001))
    with pytest.raises(UnreadableDocumentError, match="within"):
        parsed(children, "slow.html", HTML)
    children._timeout_s = 60.0
    assert parsed(children, "next.html", HTML).title == "A & B"
    children.close()


def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_one_is_read() -> None:
    children = ParserChildren(IngestSettings(parse_memory_mb=128))
    rows = b"[" + b"[[],[]]," * 1_500_000 + b"[]]"
    with pytest.raises(UnreadableDocumentError, match="memory"):
        parsed(children, "bomb.json", rows)
    assert parsed(children, "next.html", HTML).title == "A & B"
    children.close()


def test_a_child_is_used_again_and_replaced_when_it_has_died(children: ParserChildren) -> None:
    def child():
        parsed(children, "a.html", HTML)
        child = children._idle.get_nowait()
        children._idle.put(child)
        return child.process

    first = child()
    assert child() is first
    first.kill()
    first.wait()
    assert child().pid != first.pid
