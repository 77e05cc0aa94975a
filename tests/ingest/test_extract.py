"""An answer of a child is believed only as far as it can be checked."""

import pytest

from ingest.extract import checked
from tandem.vocabulary import Block, BlockKind, Heading, Page

GOOD = {
    "text": "# A\n\n| b |\n| - |",
    "title": None,
    "pages": [[1, 0, 5], [2, 5, 16]],
    "headings": [[1, "A", 0]],
    "blocks": [["table", 5, 16]],
    "attachments": [["a", 2], ["b", 1]],
    "warnings": [],
}


def test_an_answer_becomes_types() -> None:
    found = checked(GOOD, b"xyz")
    assert found.pages == (Page(1, 0, 5), Page(2, 5, 16))
    assert found.headings == (Heading(1, "A", 0),)
    assert found.blocks == (Block(BlockKind.TABLE, 5, 16),)
    assert found.attachments == (("a", b"xy"), ("b", b"z"))


@pytest.mark.parametrize(
    "lie",
    [
        {"pages": [[1, 0, 17]]},
        {"pages": [[1, 5, 4]]},
        {"pages": [[2, 5, 16], [1, 0, 5]]},
        {"headings": [[1, "A", -1]]},
        {"headings": [[1, "A"]]},
        {"blocks": [["image", 0, 1]]},
        {"blocks": None},
        {"attachments": [["a", 4]]},
        {"attachments": [["a", -1]]},
        {"text": None},
    ],
)
def test_an_answer_with_places_that_cannot_be_is_none(lie: dict) -> None:
    with pytest.raises((ValueError, TypeError)):
        checked(GOOD | lie, b"xyz")
