"""What every reader gives back, and the pen that writes it with its places."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingest.structure import markdown_structure
from tandem.vocabulary import Block, BlockKind, Heading, Page

_BREAK = "\n\n"
# PDFium gives a hyphen at a line's end as U+0002 or U+FFFE; a soft hyphen means the same.
_BROKEN_WORD = re.compile(r"[\x02\ufffe\u00ad][ \t]*\n?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_TICKS = re.compile(r"`{3,}")
_LONGEST_HEADING = 500


@dataclass(frozen=True, slots=True)
class Options:
    """What a reader needs to know beside the file."""

    name: str = ""
    ocr: bool = False
    languages: str = "eng"
    """Of tesseract, joined by `+`."""
    max_chars: int = 20_000_000


class UnreadableError(Exception):
    """A reader's verdict on a file. Its first argument is one of the words that `ingest.child` explains."""


@dataclass(slots=True)
class Reading:
    """The text of a file, and exact places in it."""

    text: str
    title: str | None = None
    pages: list[Page] = field(default_factory=list)
    headings: Sequence[Heading] = ()
    blocks: Sequence[Block] = ()
    attachments: list[tuple[str, bytes]] = field(default_factory=list)
    """Files within, each with its name, which is not to be trusted."""
    warnings: list[str] = field(default_factory=list)


class Pen:
    """Writes Markdown piece by piece and notes where headings, tables and code stand."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._end = 0
        self._item_end = -1
        self._headings: list[Heading] = []
        self._blocks: list[Block] = []

    def paragraph(self, text: str) -> int:
        """Write a piece after an empty line; returns where it starts. A blank one leaves no trace."""
        text = cleaned(text)
        return self._append(_BREAK, text) if text else self._end

    def item(self, text: str, depth: int = 0) -> None:
        """Write an item of a list, directly below the one before."""
        text = " ".join(cleaned(text).split())
        if text:
            follows = self._item_end == self._end
            self._append("\n" if follows else _BREAK, f"{'  ' * depth * follows}- {text}")
            self._item_end = self._end

    def heading(self, level: int, title: str) -> None:
        """Write a heading of level 1 to 6; one that is too long to be a heading becomes a paragraph."""
        title = " ".join(cleaned(title).split())
        if not title or len(title) > _LONGEST_HEADING:
            self.paragraph(title)
            return
        level = max(1, min(6, level))
        self._headings.append(Heading(level, title, self.paragraph("#" * level + " " + title)))

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Write rows as a Markdown table, the first of them as its head."""
        self._block(BlockKind.TABLE, markdown_table(rows))

    def code(self, text: str, language: str = "") -> None:
        """Write a piece of code, fenced."""
        ticks = "`" * max(3, 1 + max(map(len, _TICKS.findall(text)), default=0))
        self._block(BlockKind.CODE, f"{ticks}{language}\n{text.rstrip()}\n{ticks}" if text.strip() else "")

    def markdown(self, text: str) -> None:
        """Write a text that is Markdown already."""
        text = cleaned(text)
        headings, blocks = markdown_structure(text)
        start = self.paragraph(text)
        self._headings += [Heading(one.level, one.title, one.start + start) for one in headings]
        self._blocks += [Block(one.kind, one.start + start, one.end + start) for one in blocks]

    def reading(self, title: str | None = None) -> Reading:
        """All that was written."""
        return Reading("".join(self._parts), title, headings=self._headings, blocks=self._blocks)

    @property
    def end(self) -> int:
        """The number of characters written."""
        return self._end

    def _append(self, between: str, text: str) -> int:
        if self._parts:
            self._parts.append(between)
            self._end += len(between)
        start = self._end
        self._parts.append(text)
        self._end += len(text)
        return start

    def _block(self, kind: BlockKind, text: str) -> None:
        if text:
            start = self.paragraph(text)
            if start < self._end:
                self._blocks.append(Block(kind, start, self._end))


def of_markdown(markdown: str, title: str | None = None, *, clean: bool = True) -> Reading:
    """The reading of a text that is Markdown already; what a person wrote is left as it is, not cleaned."""
    text = cleaned(markdown) if clean else markdown
    headings, blocks = markdown_structure(text)
    return Reading(text, title, headings=headings, blocks=blocks)


def cleaned(text: str) -> str:
    """Without control characters, broken words, and white space at the ends; newlines are `\\n`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub(" ", _BROKEN_WORD.sub("", text)).strip()


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """Rows as a Markdown table. Short rows are not filled up: few long ones must not blow up many short."""
    lines = [[_cell(cell) for cell in row] for row in rows]
    while lines and not any(lines[0]):
        lines.pop(0)
    while lines and not any(lines[-1]):
        lines.pop()
    if not lines:
        return ""
    width = max(map(len, lines))
    head = [*lines[0], *[""] * (width - len(lines[0]))]
    return "\n".join(["| " + " | ".join(row) + " |" for row in (head, ["---"] * width, *lines[1:])])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")
