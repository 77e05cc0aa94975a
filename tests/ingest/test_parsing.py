"""Files become text, pages and headings; hostile ones are refused and the next one is read."""

from collections.abc import Iterator

import pytest
from office import docx_bytes, eml_bytes, heading, paragraph, xlsx_bytes
from pdfs import pdf_bytes, table_page

from ingest.accept import Upload, accept
from ingest.child import ParserChildren
from ingest.parsing import Parsed, parse
from tandem.errors import TooLargeError, UnreadableDocumentError
from tandem.settings import IngestSettings
from tandem.vocabulary import Block, BlockKind, Heading

PAGES = ["Title (of it)\nand more.", "Page two says café.", "", "Page four"]
HTML = b"""<!doctype html><html><head><title>A &amp;
 B</title><meta name=description content=no><style>p{}</style></head><body><nav>menu</nav><h1>Top</h1>
<p>Some <b>bold</b> text.<script>no()</script></p><h2>Sub</h2><pre># not a heading</pre></body></html>"""


@pytest.fixture(scope="module")
def children() -> Iterator[ParserChildren]:
    children = ParserChildren(IngestSettings(max_text_chars=10_000))
    yield children
    children.close()


def parsed(children: ParserChildren, name: str, content: bytes, **more: object) -> Parsed:
    return parse(accept(Upload(name, name, content, **more), IngestSettings()), children)


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


def test_the_owner_names_a_document_before_the_file_does(children: ParserChildren) -> None:
    assert parsed(children, "a.md", b"# One", title=" Mine\n ").title == "Mine"
    assert parsed(children, "a.md", b"# One", title=" ").title == "One"


def test_blocks_of_every_way_stand_where_they_say(children: ParserChildren) -> None:
    table = "| a | b |\n| --- | --- |\n| c | d |"
    rows = [["a", "b"], ["c", "d"]]
    for name, content in {
        "a.md": f"text\n\n{table}\n\ntext".encode(),
        "a.csv": b"a,b\nc,d\n",
        "a.html": b"<p>text<table><tr><td>a<td>b<tr><td>c<td>d</table>",
        "a.xlsx": xlsx_bytes({"Sheet": rows}),
        "a.pdf": table_page(rows, ruled=True, before="text"),
    }.items():
        found = parsed(children, name, content)
        ((kind, start, end),) = [(block.kind, block.start, block.end) for block in found.blocks]
        assert (name, kind, found.text[start:end].replace("  ", " ")) == (name, BlockKind.TABLE, table)


def test_source_code_is_one_block_and_kept_as_it_is(children: ParserChildren) -> None:
    text = "def f():\n    return 1\n"
    found = parsed(children, "a.py", text.encode())
    assert (found.text, found.blocks) == (text, (Block(BlockKind.CODE, 0, len(text)),))


def test_long_markdown_is_read_in_a_child_and_gives_the_same() -> None:
    children = ParserChildren(IngestSettings())
    text = "  \n# One\n\ntext\n\n```\ncode\n```\n" + "\n\nmore words" * 6_000
    found = parsed(children, "a.md", text.encode())
    short = parsed(children, "b.md", text[:1_000].encode())
    assert (found.text, found.headings, found.blocks) == (text, short.headings, short.blocks)
    children.close()


def test_attachments_of_an_email_are_documents_with_plain_names(children: ParserChildren) -> None:
    files = [
        ("../../evil.txt", "text/plain", b"words"),
        ("C:\\x\\b.bin", "application/octet-stream", b"\x00\xff"),
    ]
    found = parsed(children, "a.eml", eml_bytes("body", attachments=files))
    assert [(one.name, one.content.strip()) for one in found.attachments] == [
        ("evil.txt", b"words"),
        ("b.bin", b"\x00\xff"),
    ]


def test_a_workbook_is_not_named_after_its_first_sheet_but_a_report_after_its_heading(
    children: ParserChildren,
) -> None:
    assert parsed(children, "ports.xlsx", xlsx_bytes({"Sheet1": [["a"]]})).title == "ports.xlsx"
    body = heading(1, "Tides") + paragraph("x")
    assert parsed(children, "report.docx", docx_bytes(body)).title == "Tides"


def test_a_scan_is_read_with_recognition_on_and_told_how_with_it_off(children: ParserChildren) -> None:
    with pytest.raises(UnreadableDocumentError) as caught:
        parsed(children, "scan.pdf", pdf_bytes([""]))
    assert "ingest.ocr" in str(caught.value.hint)


@pytest.mark.timeout(200)
def test_a_pdf_of_five_thousand_pages_is_read_within_the_default_limits() -> None:
    children = ParserChildren(IngestSettings())
    lines = "\n".join(f"Line {n}: the tide turns at noon, says the harbour master." for n in range(40))
    found = parsed(children, "long.pdf", pdf_bytes([f"Page {n}\n{lines}" for n in range(1, 5_001)]))
    children.close()
    assert len(found.pages) == 5_000
    assert all(found.text.startswith(f"Page {page.number}\n", page.start) for page in found.pages)
