"""What kreuzberg reads comes with headings and tables, and without its escapes."""

import pytest
from office import epub_bytes, odt_bytes, xlsx_bytes
from readings import blocks, exact, sections

from ingest.formats import Options, Reading, read
from ingest.formats.extracted import plain
from ingest.sniffing import MediaType


def reading(media_type: MediaType, content: bytes) -> Reading:
    return exact(read(media_type, content, Options()))


def test_a_sheet_is_a_heading_and_a_table() -> None:
    rows = [["Port", "Metres"], ["St | Malo &amp; co", 12.2], ["x_y", 3]]
    found = reading(MediaType.XLSX, xlsx_bytes({"Tides": rows, "R&amp;D": [["a", "b"], ["c", 1]]}))
    assert sections(found) == [(2, "Tides"), (2, "R&D")]
    assert blocks(found) == [
        "| Port | Metres |\n| --- | --- |\n| St \\| Malo & co | 12.2 |\n| x_y | 3 |",
        "| a | b |\n| --- | --- |\n| c | 1 |",
    ]


def test_a_long_sheet_is_one_table_whose_rows_can_be_told_apart() -> None:
    found = reading(MediaType.XLSX, xlsx_bytes({"A": [["n", "square"], *([n, n * n] for n in range(5_000))]}))
    (table,) = blocks(found)
    assert table.split("\n")[-1] == "| 4999 | 24990001 |"


def test_chapters_of_an_ebook_are_sections_with_tables_and_code() -> None:
    chapters = {
        "c1.xhtml": "<h1>One</h1><p>R&amp;D</p><table><tr><th>a</th></tr><tr><td>1</td></tr></table>",
        "c2.xhtml": "<h1>Two</h1><pre><code>x = 1\ny = 2</code></pre>",
    }
    found = reading(MediaType.EPUB, epub_bytes(chapters, title="A book"))
    assert (found.title, sections(found)) == ("A book", [(1, "One"), (1, "Two")])
    assert "R&D" in found.text
    assert blocks(found) == ["| a |\n| --- |\n| 1 |", "```\nx = 1\ny = 2\n```"]


@pytest.mark.parametrize(
    ("media_type", "content", "text"),
    [
        (
            MediaType.ODT,
            odt_bytes('<text:h text:outline-level="2">R&amp;D</text:h><text:p>x_y</text:p>'),
            "## R&D\n\nx_y",
        ),
        (MediaType.RTF, rb"{\rtf1\ansi The tide \'e9bb.\par It turns.}", "The tide ébb.\n\nIt turns."),
    ],
)
def test_other_office_files_are_read(media_type: MediaType, content: bytes, text: str) -> None:
    assert reading(media_type, content).text == text


def test_escapes_go_but_for_those_that_keep_a_line_from_being_something_else() -> None:
    assert plain(r"R\&D \<x\> a\_b 5 \* 3") == "R&D <x> a_b 5 * 3"
    assert plain("\\# no heading\n  \\- no item\n| a \\| b |") == "\\# no heading\n  \\- no item\n| a \\| b |"
    assert plain("a\\_b\n\n```\nc\\_d\n```\n\ne\\_f") == "a_b\n\n```\nc\\_d\n```\n\ne_f"
