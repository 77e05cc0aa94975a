"""The units that chunks are made of: sentences, and pieces of what is too long for one chunk."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ingest.sections import body_start
from tandem.vocabulary import Heading, Span

# An empty line, or the end of a sentence. A lower-case letter after a full stop is an abbreviation's.
_SENTENCES = re.compile(r"\n[ \t]*\n\s*|(?<=[.!?])[\"'”’)\]]*\s+(?=[^\sa-z])|(?<=[。！？])")
_FINER = (re.compile(r"\n"), re.compile(r"(?<=[,;:])\s+"))
"""Lines, then phrases: tried in this order on a sentence that is too long."""

_SHARE = 4
"""What has neither is halved until this many pieces make a chunk. Counting word by word would be slow."""

_BLANK = re.compile(r"\s")
_NEAR = 40
"""Characters within which a word is expected to end."""

_CHARS_PER_TOKEN = 16
"""A tokenizer may take a run of any length for one unknown token, or blanks for none; for the size of a
chunk, so many characters count as a token in any case. Ordinary text has 3 to 6."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of text that is not divided further, and its size in tokens."""

    start: int
    end: int
    size: int


def units(
    text: str, section: Span, headings: Sequence[Heading], count: Callable[[str], int], limit: int
) -> list[Unit]:
    """Divide a section into units of at most `limit` tokens; they cover it in order, without a gap.

    `headings` are those of the section. `count` gives the tokens of a text; it sees every character a
    few times at most, whatever the text.
    """
    sentences = _divided(text, section, _SENTENCES)
    pieces = (unit for sentence in sentences for unit in _fitting(text, sentence, count, limit, _FINER))
    return _with_headings(text, pieces, headings, limit)


def _fitting(
    text: str, piece: Span, count: Callable[[str], int], limit: int, finer: Sequence[re.Pattern[str]]
) -> Iterator[Unit]:
    unit = _counted(text, piece, count, limit)
    if unit is not None:
        yield unit
    elif finer:
        for part in _divided(text, piece, finer[0]):
            yield from _fitting(text, part, count, limit, finer[1:])
    else:
        yield from _halved(text, piece, count, max(1, limit // _SHARE))


def _counted(text: str, piece: Span, count: Callable[[str], int], limit: int) -> Unit | None:
    """The piece as a unit, or `None` if it is too long and can be divided."""
    length = piece.end - piece.start
    # What is too long by its characters alone need not be counted, so nothing is counted again and again.
    if length > limit * _CHARS_PER_TOKEN:
        return None
    size = max(count(text[piece.start : piece.end]), length // _CHARS_PER_TOKEN)
    return Unit(piece.start, piece.end, min(size, limit)) if size <= limit or length == 1 else None


def _halved(text: str, piece: Span, count: Callable[[str], int], limit: int) -> Iterator[Unit]:
    unit = _counted(text, piece, count, limit)
    if unit is not None:
        yield unit
        return
    middle = (piece.start + piece.end) // 2
    # Between two words if there is a place near, else in the middle of a word.
    blank = _BLANK.search(text, middle, min(middle + _NEAR, piece.end - 1))
    cut = blank.end() if blank else middle
    yield from _halved(text, Span(piece.start, cut), count, limit)
    yield from _halved(text, Span(cut, piece.end), count, limit)


def _divided(text: str, piece: Span, border: re.Pattern[str]) -> Iterator[Span]:
    """The piece, cut behind every border."""
    start = piece.start
    for found in border.finditer(text, piece.start, piece.end):
        if start < found.end() < piece.end:
            yield Span(start, found.end())
            start = found.end()
    yield Span(start, piece.end)


def _with_headings(text: str, pieces: Iterable[Unit], headings: Sequence[Heading], limit: int) -> list[Unit]:
    """Join a heading with the first unit below it, so that no chunk ends in a heading."""
    waiting = iter(headings)
    heading = next(waiting, None)
    joined: list[Unit] = []
    body = 0
    for unit in pieces:
        last = joined[-1] if joined else None
        if last and last.end <= body and last.size + unit.size <= limit:
            joined[-1] = Unit(last.start, unit.end, last.size + unit.size)
        else:
            joined.append(unit)
        while heading is not None and heading.start < unit.end:
            body = body_start(text, heading)
            heading = next(waiting, None)
    return joined
