"""A slide is a page; its title is a heading."""

from office import pptx_bytes
from readings import blocks, exact, sections

from ingest.formats import Options, pptx
from tandem.vocabulary import Page

TABLE = [["Port", "Metres"], ["St | Malo &amp; co", "12.2"]]


def test_slides_are_pages_with_their_titles_lines_and_tables() -> None:
    found = exact(
        pptx.read(
            pptx_bytes(
                [("Tides", ["They rise.", "They fall."], []), ("", ["One line"], []), ("Ports", [], TABLE)]
            ),
            Options(),
        )
    )
    assert found.text == (
        "# Tides\n\n- They rise.\n- They fall.\n\nOne line\n\n# Ports\n\n"
        "| Port | Metres |\n| --- | --- |\n| St \\| Malo & co | 12.2 |"
    )
    assert sections(found) == [(1, "Tides"), (1, "Ports")]
    assert len(blocks(found)) == 1
    assert found.title == "Tides"
    shown = [found.text[page.start : page.end].split("\n")[0] for page in found.pages]
    assert shown == ["# Tides", "One line", "# Ports"]


def test_a_slide_without_text_is_an_empty_page() -> None:
    found = exact(pptx.read(pptx_bytes([("A", [], []), ("", [], [])]), Options()))
    assert found.pages == [Page(1, 0, 3), Page(2, 3, 3)]


def test_slides_come_in_the_order_in_which_they_are_shown_and_notes_below_them() -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/notesSlide"
    notes = (
        '<p:notes xmlns:p="p" xmlns:a="a"><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>Say it slowly.</a:t></a:r>'
        "</a:p></p:txBody></p:sp></p:spTree></p:cSld></p:notes>"
    )
    order = (
        '<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst><p:sldId id="1" r:id="rId2"/>'
        '<p:sldId id="2" r:id="rId1"/></p:sldIdLst></p:presentation>'
    )
    more = {
        "ppt/presentation.xml": order,
        "ppt/slides/_rels/slide1.xml.rels": f'<R><R Id="n" Type="{kind}" Target="../notesSlides/n1.xml"/></R>',
        "ppt/notesSlides/n1.xml": notes,
    }
    found = exact(pptx.read(pptx_bytes([("First", [], []), ("Second", [], [])], **more), Options()))
    assert found.text == "# Second\n\n# First\n\nSay it slowly."
