"""Cuts a document into chunks. `document.text[chunk.start:chunk.end] == chunk.text` always holds."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from ingest.splitting.cut import Cut
from ingest.splitting.headers import Headers
from ingest.splitting.merging import Merger
from ingest.splitting.outline import Outline
from ingest.splitting.sections import Pages, sections
from ingest.splitting.sizes import Sizes, TextEmbedder
from ingest.splitting.units import Run, Unit, Units, halves
from tandem.vocabulary import Block, BlockKind, Chunk, Document, Parent, Span, chunk_id

_SURE = 16
"""A chunk is counted anew, as the tokenizer will read it, unless its sum is this part below the limit."""

_LEAST_SURE = 8
"""Tokens by which a sum may be wrong where a chunk begins, with any tokenizer."""

_PROSE = frozenset({"text/x-markdown", "text/x-rst"})
"""Types that look like those of programs."""


_BLANK = frozenset({"", " ", "\t", "\n"})
"""What surely divides words, and the ends of the text."""


@dataclass(frozen=True, slots=True)
class Split:
    """The chunks of a document version, in order."""

    chunks: list[Chunk]
    tokens: int
    """Of all that will be embedded: texts and headers."""


class Splitter:
    """Cuts documents for one embedder, and remembers the sizes of their words. May be used by any thread."""

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._sizes = Sizes(embedder)

    def split(self, document: Document, version: str, cut: Cut) -> Split:
        """Blocks; with `semantic` it also embeds. White space makes no chunk.

        Chunks end where sentences, rows, lines of code end; none crosses a top section or a page. A table
        or a piece of code that fits is not cut.
        """
        self._sizes.learn(document.text)
        work = _Work(document, cut, self._sizes, self._embedder)
        chunks: list[Chunk] = []
        tokens = 0
        for piece in work.pieces():
            chunks.append(work.chunk(piece, version, len(chunks)))
            tokens += piece.size
        return Split(chunks, tokens)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What becomes a chunk, with the tokens of header and text."""

    span: Span
    header: str
    size: int
    parent: Parent | None


class _Work:
    """One document on its way to chunks."""

    def __init__(self, document: Document, cut: Cut, sizes: Sizes, embedder: TextEmbedder) -> None:
        self._document = document
        self._id = document.id
        self._text = document.text
        self._cut = cut
        self._sizes = sizes
        self._embedder = embedder
        self._outline = Outline(document.text, document.headings)
        self._pages = Pages(document.pages)
        self._merger = Merger()
        self._headers = Headers(document.title, self._outline, sizes, cut.tokens) if cut.header else None
        room = cut.tokens - (self._headers.longest() if self._headers else 0)
        self._units = Units(document.text, self._outline, _blocks(document), sizes, room)

    def pieces(self) -> Iterator[_Piece]:
        """The chunks to be, in order."""
        last = Span(-1, -1)
        for units, parent in self._stretches():
            for merged in self._merger.merged(units, self._cut.overlap):
                # Behind a chunk that had to be divided, what it shares with the next is left out.
                start = merged.start if merged.start > last.start else last.end
                for piece in self._held(Span(start, merged.end), merged.size, merged.run, parent):
                    if piece.span.end > last.end:
                        last = piece.span
                        yield piece

    def _stretches(self) -> Iterator[tuple[list[Unit], Parent | None]]:
        """Units that may share chunks, and the parent of these chunks."""
        divided = self._sections()
        match self._cut.strategy:
            case "sentence" | "markdown":
                yield from ((units, None) for units in divided)
            case "semantic":
                yield from ((units, None) for units in self._by_meaning(list(divided)))
            case "parent":
                for units in divided:
                    yield from self._with_parents(units)

    def _sections(self) -> Iterator[list[Unit]]:
        every = self._cut.strategy == "markdown"
        text, pages = self._text, self._document.pages
        for section in sections(text, self._outline, pages, self._units.whole(), every_heading=every):
            yield self._units.of(section)

    def _by_meaning(self, divided: list[list[Unit]]) -> Iterator[list[Unit]]:
        from ingest.splitting.semantic import changes  # LlamaIndex takes seconds to load

        every = list(chain.from_iterable(divided))
        borders = changes(self._text, every, self._cut.tokens, self._embedder)
        for units in divided:
            yield from _divided(units, borders)

    def _with_parents(self, units: list[Unit]) -> Iterator[tuple[list[Unit], Parent]]:
        """Parents are cut first, then children inside of each."""
        tokens = max(self._cut.parent_tokens, self._cut.tokens)
        parents = list(self._merger.merged(_joined(units, Run(tokens)), 0))
        for inside, parent in zip(_divided(units, [one.start for one in parents[1:]]), parents, strict=True):
            span = _trimmed(self._text, Span(parent.start, parent.end))
            yield inside, Parent(span.start, span.end, self._text[span.start : span.end])

    def _held(self, span: Span, size: int, run: Run, parent: Parent | None) -> Iterator[_Piece]:
        """The span as one piece, or as several where it proves to be too long for the embedder."""
        span = _trimmed(self._text, span)
        if span.start == span.end:
            return
        text = self._text[span.start : span.end]
        header = self._header(span, text, run)
        size += self._sizes(header) if header else 0
        if not self._is_sure(span, size):
            size = self._sizes.exact(f"{header}\n{text}" if header else text)
            if size > self._cut.tokens and len(text) > 1:
                for half in halves(self._text, span):
                    yield from self._held(half, self._cut.tokens, run, parent)
                return
        yield _Piece(span, header, size, parent)

    def _is_sure(self, span: Span, size: int) -> bool:
        """Whether a sum can be relied on: it is well below the limit, and of whole words."""
        between_words = self._text[span.start - 1 : span.start] in _BLANK and (
            self._text[span.end : span.end + 1] in _BLANK
        )
        return between_words and size <= self._cut.tokens - max(_LEAST_SURE, self._cut.tokens // _SURE)

    def _header(self, span: Span, text: str, run: Run) -> str:
        parts = [self._headers.of(span.start, text)] if self._headers else []
        if span.start >= run.named:
            parts.append(run.header)
        return "\n".join(filter(None, parts))

    def chunk(self, piece: _Piece, version: str, ordinal: int) -> Chunk:
        document, span = self._document, piece.span
        return Chunk(
            id=chunk_id(self._id, version, ordinal),
            tenant=document.tenant,
            corpus=document.corpus,
            document_id=self._id,
            version=version,
            ordinal=ordinal,
            text=document.text[span.start : span.end],
            start=span.start,
            end=span.end,
            title=document.title,
            uri=document.uri,
            page=self._pages.number_at(span.start),
            section=self._outline.section_at(span.start),
            header=piece.header,
            parent=piece.parent,
            marks=document.marks,
            groups=document.groups or (),
        )


def _blocks(document: Document) -> Sequence[Block]:
    """The tables and pieces of code; a program is one piece of code."""
    media_type = document.media_type
    is_program = media_type.startswith("text/x-") and media_type not in _PROSE
    if is_program and not document.blocks:
        return (Block(BlockKind.CODE, 0, len(document.text)),)
    return document.blocks


def _divided(units: Iterable[Unit], borders: Sequence[int]) -> Iterator[list[Unit]]:
    """The units, cut at the borders, which are starts of units."""
    for _, group in groupby(units, lambda unit: bisect_right(borders, unit.start)):
        yield list(group)


def _joined(units: Iterable[Unit], run: Run) -> Iterator[Unit]:
    """The units for a longer room: a block that fits into it is one unit again."""
    for block, group in groupby(units, lambda unit: unit.run.block):
        parts = list(group)
        size = sum(part.size for part in parts)
        if block is not None and size <= run.room:
            yield Unit(parts[0].start, parts[-1].end, size, run)
        else:
            yield from (part._replace(run=run) for part in parts)


def _trimmed(text: str, span: Span) -> Span:
    """Without white space at its ends."""
    piece = text[span.start : span.end]
    start = span.start + len(piece) - len(piece.lstrip())
    return Span(start, max(start, span.start + len(piece.rstrip())))
