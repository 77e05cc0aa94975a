"""Cuts a document into chunks. `document.text[chunk.start:chunk.end] == chunk.text` always holds."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ingest.sections import Outline, page_at, sections
from ingest.units import Unit, units
from tandem.vocabulary import Chunk, Document, Span, chunk_id

_SIGNS = 0xF0000
_MOST_SIGNS = 0xFFF0
"""The private characters of plane 15, each of which can stand for one unit."""

_REMEMBERED = 1024
"""Sizes kept at hand: rulers, leaders of dots and empty cells come by the thousand."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How long chunks are, in tokens of the embedder, and how much neighbours share."""

    tokens: int
    overlap: int


def split(document: Document, version: str, cut: Cut, count_tokens: Callable[[str], int]) -> list[Chunk]:
    """The chunks of a document version, in order; blocking. White space makes no chunk.

    Chunks end where sentences end, and none crosses a top section or a page.
    """
    text, headings = document.text, document.headings
    count = lru_cache(_REMEMBERED)(count_tokens)
    spans: list[Span] = []
    for section in sections(text, headings, document.pages):
        inside = [
            bisect_left(headings, place, key=lambda one: one.start) for place in (section.start, section.end)
        ]
        pieces = units(text, section, headings[slice(*inside)], count, cut.tokens)
        for start in range(0, len(pieces), _MOST_SIGNS):
            spans += _merged(pieces[start : start + _MOST_SIGNS], cut)
    trimmed = (_trimmed(text, span) for span in spans)
    kept = [span for span in trimmed if span.start < span.end]
    outline = Outline(text, headings)
    return [_chunk(document, version, ordinal, span, outline) for ordinal, span in enumerate(kept)]


def _merged(pieces: Sequence[Unit], cut: Cut) -> Iterator[Span]:
    """Merge units into chunks with LlamaIndex's splitter.

    The splitter gives texts back, not places, and a text may stand in many places. So it is given one
    private character for each unit, and its answer says exactly which units make a chunk.
    """
    from llama_index.core.node_parser.text.sentence import SentenceSplitter

    def sized(signs: str) -> range:
        return range(sum(pieces[ord(sign) - _SIGNS].size for sign in signs))

    splitter = SentenceSplitter(
        chunk_size=cut.tokens,
        chunk_overlap=cut.overlap,
        tokenizer=sized,
        chunking_tokenizer_fn=list,
        include_metadata=False,
        include_prev_next_rel=False,
    )
    for signs in splitter.split_text("".join(chr(_SIGNS + place) for place in range(len(pieces)))):
        yield Span(pieces[ord(signs[0]) - _SIGNS].start, pieces[ord(signs[-1]) - _SIGNS].end)


def _trimmed(text: str, span: Span) -> Span:
    """Without white space at its ends."""
    piece = text[span.start : span.end]
    start = span.start + len(piece) - len(piece.lstrip())
    return Span(start, max(start, span.start + len(piece.rstrip())))


def _chunk(document: Document, version: str, ordinal: int, span: Span, outline: Outline) -> Chunk:
    return Chunk(
        id=chunk_id(document.id, version, ordinal),
        tenant=document.tenant,
        corpus=document.corpus,
        document_id=document.id,
        version=version,
        ordinal=ordinal,
        text=document.text[span.start : span.end],
        start=span.start,
        end=span.end,
        title=document.title,
        uri=document.uri,
        page=page_at(document.pages, span.start),
        section=outline.section_at(span.start),
    )
