"""The units that chunks are made of: sentences, rows and lines, whole blocks, and pieces of what is too long."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingest.splitting.outline import Outline
from tandem.vocabulary import Block, BlockKind, Span

# An empty line, or the end of a sentence. A lower-case letter after a full stop is an abbreviation's.
_SENTENCES = re.compile(r"\n[ \t]*\n\s*|(?<=[.!?])[\"'”’)\]]*\s+(?=[^\sa-z])|(?<=[。！？])")
_LINES = re.compile(r"\n")
_PHRASES = re.compile(r"(?<=[,;:])\s+")
_CELLS = re.compile(r"(?<=\|)")
# Each run of white space is entered at its start only, so a long one is read once.
_EMPTY_LINES = re.compile(r"(?<=\S)(?=[^\S\n]*\n[^\S\n]*\n)\s+")
# Empty lines before what is neither indented nor the end of a bracket: a definition, with its comments.
_DEFINITIONS = re.compile(r"(?<=\S)(?=[^\S\n]*\n[^\S\n]*\n)\s++(?<=\n)(?![)\]}])")

_OF_TEXT = (_SENTENCES, _LINES, _PHRASES)
_OF_TABLES = (_LINES, _CELLS, _PHRASES)
_OF_CODE = (_EMPTY_LINES, _LINES)
"""Where a piece may be cut, tried in this order on what is too long."""

_SHARE = 4
"""What has none of them is halved until this many pieces make a chunk. Word by word would be slow."""

_BLANKS = re.compile(r"\s*")
_BLANK = re.compile(r"\s")
_NEAR = 40
"""Characters within which a word is expected to end."""

_CHARS_PER_TOKEN = 16
"""A tokenizer may take a run of any length for one unknown token, or blanks for none; for the size of a
chunk, so many characters count as a token in any case. Ordinary text has 3 to 6."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Units that may share a chunk."""

    room: int
    """Tokens that a chunk's text may have."""
    header: str = ""
    """What the later chunks of a table are read under: the row that names its columns."""
    named: int = 0
    """Where that row ends."""
    block: Block | None = None
    """What the run was cut from, because it is longer than a chunk."""


class Unit(NamedTuple):
    """A piece of text that is not divided further, and its size in tokens."""

    start: int
    end: int
    size: int
    run: Run


class Units:
    """Divides the sections of one document into units of at most `room` tokens.

    `size` gives the tokens of a text; it sees every character a few times at most, whatever the text.
    """

    def __init__(
        self, text: str, outline: Outline, blocks: Sequence[Block], size: Callable[[str], int], room: int
    ) -> None:
        self._text = text
        self._outline = outline
        self._size = size
        self._room = room
        self._blocks = _apart(text, blocks)
        self._next = 0

    def whole(self) -> list[Span]:
        """The blocks that fit into a chunk."""
        return [Span(one.start, one.end) for one in self._blocks if self._counted(one, self._room)]

    def of(self, section: Span) -> list[Unit]:
        """The units of a section, which they cover in order, without a gap. Sections must come in order."""
        return self._with_headings(self._pieces(section), section)

    def _pieces(self, section: Span) -> Iterator[Unit]:
        prose = Run(self._room)
        place = section.start
        for block in self._within(section):
            start, end = max(block.start, place), min(block.end, section.end)
            if place < start:
                yield from self._divided(Span(place, start), prose, _OF_TEXT)
            # The blanks behind a block go with it.
            blanks = _BLANKS.match(self._text, end, section.end)
            place = blanks.end() if blanks else end
            yield from self._of_block(block, Span(start, place), prose)
        if place < section.end:
            yield from self._divided(Span(place, section.end), prose, _OF_TEXT)

    def _within(self, section: Span) -> Iterator[Block]:
        """The blocks of which a part stands in a section."""
        while self._next < len(self._blocks) and self._blocks[self._next].start < section.end:
            block = self._blocks[self._next]
            yield block
            if block.end > section.end:
                return  # it goes on in the next section
            self._next += 1

    def _of_block(self, block: Block, piece: Span, prose: Run) -> Iterator[Unit]:
        size = self._counted(block, self._room)
        if size is not None:
            yield Unit(piece.start, piece.end, size, prose)
        elif block.kind is BlockKind.TABLE:
            yield from self._divided(piece, self._table(block), _OF_TABLES)
        else:
            yield from self._of_code(block, piece)

    def _table(self, table: Block) -> Run:
        """The run of a long table; its header is the first row, or what of it fits into a quarter of a chunk."""
        most = min(table.end, table.start + self._room * _CHARS_PER_TOKEN)
        row = self._text[table.start : most].lstrip().partition("\n")[0].rstrip()
        named = self._text.index(row, table.start) + len(row)
        while row and self._size(row) > self._room // _SHARE:
            row = row[: len(row) // 2].rstrip()
        return Run(self._room - self._size(row), row, named, table)

    def _of_code(self, block: Block, piece: Span) -> Iterator[Unit]:
        """Definitions that are short may share a chunk, a long one shares none with its neighbours."""
        run = Run(self._room, block=block)
        for part in _cut(self._text, piece, _DEFINITIONS):
            size = self._counted(part, self._room)
            if size is not None:
                yield Unit(part.start, part.end, size, run)
            else:
                yield from self._divided(part, Run(self._room, block=block), _OF_CODE)

    def _divided(self, piece: Span, run: Run, finer: Sequence[re.Pattern[str]]) -> Iterator[Unit]:
        for part in _cut(self._text, piece, finer[0]):
            size = self._counted(part, run.room)
            if size is not None:
                yield Unit(part.start, part.end, size, run)
            elif len(finer) > 1:
                yield from self._divided(part, run, finer[1:])
            else:
                yield from self._halved(part, run, max(1, run.room // _SHARE))

    def _halved(self, piece: Span, run: Run, most: int) -> Iterator[Unit]:
        size = self._counted(piece, most)
        if size is not None:
            yield Unit(piece.start, piece.end, size, run)
        else:
            for half in halves(self._text, piece):
                yield from self._halved(half, run, most)

    def _counted(self, piece: Span | Block, most: int) -> int | None:
        """The size of a piece, or `None` if it is too long and can be divided."""
        length = piece.end - piece.start
        # What is too long by its characters alone need not be counted, so nothing is counted again and again.
        if length > most * _CHARS_PER_TOKEN:
            return None
        size = max(self._size(self._text[piece.start : piece.end]), length // _CHARS_PER_TOKEN)
        return min(size, most) if size <= most or length == 1 else None

    def _with_headings(self, pieces: Iterable[Unit], section: Span) -> list[Unit]:
        """Join a heading with the first unit below it, so that no chunk ends in a heading."""
        outline = self._outline
        number, last = outline.between(section.start, section.end)
        joined: list[Unit] = []
        body = 0
        for unit in pieces:
            before = joined[-1] if joined else None
            if before and before.end <= body and before.size + unit.size <= unit.run.room:
                joined[-1] = Unit(before.start, unit.end, before.size + unit.size, unit.run)
            else:
                joined.append(unit)
            while number < last and outline.starts[number] < unit.end:
                body = outline.bodies[number]
                number += 1
        return joined


def halves(text: str, piece: Span) -> tuple[Span, Span]:
    """Cut between two words if there is a place near the middle, else in the middle of a word."""
    middle = (piece.start + piece.end) // 2
    blank = _BLANK.search(text, middle, min(middle + _NEAR, piece.end - 1))
    cut = blank.end() if blank else middle
    return Span(piece.start, cut), Span(cut, piece.end)


def _cut(text: str, piece: Span, border: re.Pattern[str]) -> Iterator[Span]:
    """The piece, cut behind every border."""
    start = piece.start
    for found in border.finditer(text, piece.start, piece.end):
        if start < found.end() < piece.end:
            yield Span(start, found.end())
            start = found.end()
    yield Span(start, piece.end)


def _apart(text: str, blocks: Iterable[Block]) -> list[Block]:
    """In order, inside the text, and none within another."""
    apart: list[Block] = []
    for block in sorted(blocks, key=lambda one: (one.start, -one.end)):
        start, end = max(0, block.start, apart[-1].end if apart else 0), min(block.end, len(text))
        if start < end:
            apart.append(block if (start, end) == (block.start, block.end) else Block(block.kind, start, end))
    return apart
