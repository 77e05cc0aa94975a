"""What must hold for every reading."""

from ingest.formats import Reading
from tandem.vocabulary import BlockKind


def exact(reading: Reading) -> Reading:
    """The reading, after a look at each of its places."""
    text = reading.text
    assert text == text.strip()
    for heading in reading.headings:
        line = text[heading.start :].split("\n")[0]
        assert line in (f"{'#' * heading.level} {heading.title}", heading.title), line
    for block in reading.blocks:
        piece = text[block.start : block.end]
        assert piece == piece.strip()
        if block.kind is BlockKind.TABLE:
            assert all(line.startswith("|") for line in piece.split("\n")), piece
        else:
            assert piece.startswith("```"), piece
            assert piece.endswith("```"), piece
        assert text[block.end : block.end + 2] in ("", "\n", "\n\n")
    for page in reading.pages:
        assert text[page.start : page.end] == text[page.start : page.end].strip()
    return reading


def sections(reading: Reading) -> list[tuple[int, str]]:
    """Levels and titles of the headings."""
    return [(heading.level, heading.title) for heading in reading.headings]


def blocks(reading: Reading) -> list[str]:
    """The texts of tables and code."""
    return [reading.text[block.start : block.end] for block in reading.blocks]
