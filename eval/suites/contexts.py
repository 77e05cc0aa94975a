"""Where answers stand in documents, and the chunks that hold them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eval.case import EvalCase
from tandem.vocabulary import Block, BlockKind, Chunk, Document, Span


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document as it was read, and its chunks in order."""

    document: Document
    chunks: Sequence[Chunk]

    @property
    def tables(self) -> list[Block]:
        """The tables of the document."""
        return [block for block in self.document.blocks if block.kind is BlockKind.TABLE]

    def holding(self, span: Span) -> list[Chunk]:
        """The chunks in which a place lies whole."""
        return [chunk for chunk in self.chunks if chunk.start <= span.start and span.end <= chunk.end]


Place = tuple[CutDocument, Span]


class Answers:
    """Finds where the answers of cases stand in documents."""

    def __init__(self, cut: Iterable[CutDocument]) -> None:
        """Documents of several corpora may share an address; a case that names it means all of them."""
        self._by_name: dict[str, dict[str, CutDocument]] = {}
        for one in cut:
            for name in (one.document.id, one.document.uri):
                self._by_name.setdefault(name, {})[one.document.id] = one

    def documents_of(self, case: EvalCase) -> list[CutDocument]:
        """The documents that the case names, those that are there."""
        named = (self._by_name.get(name, {}) for name in case.documents)
        return list({identity: one for some in named for identity, one in some.items()}.values())

    def places_of(self, case: EvalCase) -> list[Place]:
        """In each document of the case in which a reference stands, the place of the first such reference."""
        return [
            (one, span) for one in self.documents_of(case) if (span := _first(case, one.document)) is not None
        ]


def locate(text: str, answer: str, near: int | None = None) -> Span | None:
    """Where an answer stands in a text; of several places the one nearest to `near`, or the first.

    White space and letter case do not count; `None` where it stands nowhere. `near` need not be right to the
    letter: a reader may put a title before the text.
    """
    words = answer.split()
    if not words:
        return None
    wanted = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
    places = [Span(found.start(), found.end()) for found in wanted.finditer(text)]
    return min(places, key=lambda span: abs(span.start - (near or 0)), default=None)


def reference_contexts(cases: Iterable[EvalCase], cut: Iterable[CutDocument]) -> dict[str, tuple[str, ...]]:
    """By case id, the texts of the chunks that hold its answer whole: what a perfect search would find.

    Of overlapping chunks all that hold it. A case whose answer no chunk holds has none.
    """
    answers = Answers(cut)
    found = {
        case.id: tuple(
            dict.fromkeys(chunk.text for one, span in answers.places_of(case) for chunk in one.holding(span))
        )
        for case in cases
        if case.answerable
    }
    return {case: texts for case, texts in found.items() if texts}


def _first(case: EvalCase, document: Document) -> Span | None:
    for number, reference in enumerate(case.references):
        # Where an answer starts is known of the first reference alone.
        span = locate(document.text, reference, case.answer_start if number == 0 else None)
        if span is not None:
            return span
    return None
