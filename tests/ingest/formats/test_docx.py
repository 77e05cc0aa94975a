"""Word files keep their letters, headings, lists, tables and code."""

import pytest
from office import docx_bytes, heading, paragraph, word_table
from readings import blocks, exact, sections

from ingest.formats import Options, docx
from ingest.formats.reading import UnreadableError

TABLE = [["Port", "Metres"], ["Dover", "6.8"], ["St | Malo", "12.2"]]


def read(body: str, **more: str):
    return exact(docx.read(docx_bytes(body, **more), Options()))


def styled(style: str, text: str) -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def test_headings_paragraphs_and_tables_stand_in_their_order() -> None:
    found = read(
        heading(1, "Tides")
        + paragraph("The tide turns.")
        + heading(2, "Heights")
        + word_table(TABLE)
        + paragraph("After it.")
    )
    assert found.text == (
        "# Tides\n\nThe tide turns.\n\n## Heights\n\n"
        "| Port | Metres |\n| --- | --- |\n| Dover | 6.8 |\n| St \\| Malo | 12.2 |\n\nAfter it."
    )
    assert sections(found) == [(1, "Tides"), (2, "Heights")]
    assert blocks(found) == ["| Port | Metres |\n| --- | --- |\n| Dover | 6.8 |\n| St \\| Malo | 12.2 |"]


def test_no_letter_is_lost() -> None:
    letters = "R&amp;D &lt;x&gt; &#233; &quot;q&quot; *star* _under_ # hash"
    found = read(heading(1, letters) + paragraph(letters) + word_table([[letters]]))
    assert found.text.count('R&D <x> é "q" *star* _under_ # hash') == 3


def test_the_title_is_that_of_the_properties_or_the_paragraph_styled_so() -> None:
    style = (
        '<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style></w:styles>'
    )
    assert read(paragraph("x"), title="My &amp; book").title == "My & book"
    found = read(styled("T", "A book") + paragraph("x"), **{"word/styles.xml": style})
    assert (found.title, sections(found)) == ("A book", [(1, "A book")])


def test_styles_are_followed_to_what_they_are_based_on() -> None:
    style = (
        '<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:style w:type="paragraph" w:styleId="h"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="mine"><w:name w:val="Mine"/><w:basedOn w:val="h"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="c"><w:name w:val="Source Code"/></w:style></w:styles>'
    )
    body = styled("mine", "Deep") + styled("c", "x = 1") + styled("c", "  y = 2") + paragraph("end")
    found = read(body, **{"word/styles.xml": style})
    assert sections(found) == [(2, "Deep")]
    assert blocks(found) == ["```\nx = 1\n  y = 2\n```"]


def test_what_was_deleted_and_the_codes_of_fields_are_not_read() -> None:
    run = "<w:r><w:t>{}</w:t></w:r>"
    found = read(
        "<w:p>"
        + run.format("kept")
        + "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        + "<w:ins>"
        + run.format(" new")
        + "</w:ins>"
        + "<w:r><w:instrText>PAGEREF x</w:instrText></w:r>"
        + "<w:hyperlink>"
        + run.format(" link")
        + "</w:hyperlink><w:r><w:br/><w:t>below</w:t></w:r></w:p>"
    )
    assert found.text == "kept new link\nbelow"


def test_items_of_lists_and_cells_of_several_paragraphs() -> None:
    item = '<w:p><w:pPr><w:numPr><w:ilvl w:val="{}"/><w:numId w:val="3"/></w:numPr></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>'
    cell = f"<w:tbl><w:tr><w:tc>{paragraph('a')}{paragraph('b')}</w:tc><w:tc>{word_table([['x', 'y']])}</w:tc></w:tr></w:tbl>"
    found = read(item.format(0, "one") + item.format(1, "two") + cell)
    assert found.text.startswith("- one\n  - two\n\n|")
    assert blocks(found)[0].split("\n")[0] == "| a b | x, y |"


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("<!DOCTYPE x><w:document/>", "document type"),
        ("<a>" * 2_000 + "</a>" * 2_000, "deep"),
        ("<a", "broken"),
    ],
)
def test_xml_that_no_office_program_writes_is_refused(part: str, fault: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read("", **{"word/document.xml": part})
    assert caught.value.args[0] == fault
