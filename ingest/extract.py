"""What comes back from a child, checked: a child that was taken over could send anything."""

from dataclasses import dataclass
from typing import Any

from tandem.vocabulary import Block, BlockKind, Heading, Page


@dataclass(frozen=True, slots=True)
class Extract:
    """What a parser found; every place is within the text, and in order."""

    text: str
    title: str | None
    pages: tuple[Page, ...]
    headings: tuple[Heading, ...]
    blocks: tuple[Block, ...]
    attachments: tuple[tuple[str, bytes], ...]
    warnings: list[str]


def checked(answer: dict[str, Any], files: bytes) -> Extract:
    """The answer as what it should be, with the bytes of the files within it.

    Raises `ValueError`, `TypeError` or `KeyError` for anything else.
    """
    text = answer["text"]
    pages = tuple(Page(int(number), *_span(start, end, text)) for number, start, end in answer["pages"])
    headings = tuple(
        Heading(int(level), str(title), *_span(start, start, text)[:1])
        for level, title, start in answer["headings"]
    )
    blocks = tuple(Block(BlockKind(kind), *_span(start, end, text)) for kind, start, end in answer["blocks"])
    for places in (pages, headings, blocks):
        starts = [place.start for place in places]
        if starts != sorted(starts):
            raise ValueError("places out of order")
    attachments = []
    start = 0
    for name, size in answer["attachments"]:
        if not 0 <= size <= len(files) - start:
            raise ValueError("an attachment that is not there")
        attachments.append((str(name), files[start : start + size]))
        start += size
    title = answer["title"]
    return Extract(
        str(text),
        title if title is None else str(title),
        pages,
        headings,
        blocks,
        tuple(attachments),
        [str(warning) for warning in answer["warnings"]],
    )


def _span(start: int, end: int, text: str) -> tuple[int, int]:
    if not 0 <= start <= end <= len(text):
        raise ValueError("a place outside of the text")
    return int(start), int(end)
