"""PDFs: pages, tables with and without rules, headings of the outline, recognised pages."""

import io

import pytest
from pdfs import drawn_pdf, pdf_bytes, table_page
from PIL import Image, ImageDraw, ImageFont
from readings import blocks, exact
from recognition import needs_tesseract

from ingest.formats import Options, pdf
from ingest.formats.reading import UnreadableError
from tandem.vocabulary import Heading

ROWS = [["Port", "Height", "Remark"], ["Dover", "6.8 m", "busy in summer"], ["St | Malo", "12.2 m", "closed"]]
MARKDOWN = (
    "| Port | Height | Remark |\n| --- | --- | --- |\n| Dover | 6.8 m | busy in summer |\n"
    "| St \\| Malo | 12.2 m | closed |"
)
PROSE = "\n".join(
    [
        "The harbour of Dover opened again on Monday after the strongest storm in years had",
        "closed it for three days, the port authority said. Eleven ferries waited outside the",
        "breakwater. We have never seen waves like these, said the master of the harbour, who",
        "has worked there since 1998.",
    ]
    * 3
)


@pytest.mark.parametrize("ruled", [True, False])
def test_a_table_stands_as_markdown_in_its_place(ruled: bool) -> None:
    content = table_page(ROWS, ruled=ruled, before="Heights of the tide.", after="Measured in 2026.")
    found = exact(pdf.read(content, Options()))
    assert found.text == f"Heights of the tide.\n\n{MARKDOWN}\n\nMeasured in 2026."
    assert blocks(found) == [MARKDOWN]
    assert (found.pages[0].start, found.pages[0].end) == (0, len(found.text))


def test_a_ruled_table_may_have_empty_cells_and_two_rows() -> None:
    found = pdf.read(table_page([["a", ""], ["b", "c"]], ruled=True), Options())
    assert blocks(found) == ["| a |  |\n| --- | --- |\n| b | c |"]


def test_prose_is_no_table() -> None:
    found = exact(pdf.read(pdf_bytes([PROSE, PROSE]), Options()))
    assert found.blocks == []
    assert found.text == f"{PROSE}\n\n{PROSE}"


def test_columns_of_prose_are_no_table() -> None:
    rows = [["The harbour opened again on", "Repairs to the pier will take"]] * 8
    drawing = "\n".join(
        f"BT /F1 12 Tf {72 + 250 * place} {700 - 14 * line} Td ({words * 2}) Tj ET"
        for line, row in enumerate(rows)
        for place, words in enumerate(row)
    )
    assert pdf.read(drawn_pdf(drawing.encode()), Options()).blocks == []


def test_rules_without_words_are_no_table_and_nothing_is_lost() -> None:
    grid = b"\n".join(b"%d 100 m %d 500 l S 100 %d m 500 %d l S" % (n, n, n, n) for n in range(100, 501, 50))
    found = pdf.read(drawn_pdf(grid + b" BT /F1 12 Tf 72 700 Td (A chart.) Tj ET"), Options())
    assert (found.text, found.blocks) == ("A chart.", [])


def test_entries_of_the_outline_that_are_found_on_their_page_are_headings() -> None:
    outline = b"<< /Type /Outlines /First 8 0 R /Last 9 0 R >>"
    entry = b"<< /Title (%s) /Parent 7 0 R /Dest [5 0 R /Fit] %s >>"
    drawing = b"BT /F1 12 Tf 14 TL 72 700 Td (About Tides) Tj T* (Tides) Tj T* (They turn.) Tj ET"
    content = drawn_pdf(drawing, outline, entry % (b"Tides", b"/Next 9 0 R"), entry % (b"Nowhere", b""))
    found = exact(pdf.read(content, Options()))
    assert found.headings == [Heading(1, "Tides", found.text.index("\nTides") + 1)]


@needs_tesseract
def test_a_page_that_is_a_picture_is_recognised_if_that_is_on() -> None:
    picture = Image.new("L", (1700, 600), 255)
    font = ImageFont.load_default(60)
    ImageDraw.Draw(picture).text((100, 200), "The tide turns at noon.", fill=0, font=font)
    buffer = io.BytesIO()
    picture.save(buffer, "PDF", resolution=200)
    assert pdf.read(buffer.getvalue(), Options()).text == ""
    found = exact(pdf.read(buffer.getvalue(), Options(ocr=True)))
    assert found.text == "The tide turns at noon."
    assert (found.pages[0].start, found.pages[0].end) == (0, len(found.text))


@pytest.mark.parametrize(
    ("content", "fault"),
    [(pdf_bytes(["x"], locked=True), "locked"), (b"%PDF-1.7 junk", "broken")],
)
def test_a_file_that_cannot_be_opened_says_why(content: bytes, fault: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        pdf.read(content, Options())
    assert caught.value.args[0] == fault


def test_reading_stops_where_there_is_too_much_text() -> None:
    with pytest.raises(UnreadableError, match="long"):
        pdf.read(pdf_bytes(["word " * 100] * 10), Options(max_chars=1_000))
