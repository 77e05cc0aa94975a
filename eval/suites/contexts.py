"""Where answers stand in documents, and the chunks that hold them."""

import re
from collections.abc import Iterable, Mapping, Sequence

from eval.case import EvalCase
from tandem.vocabulary import Chunk, Document, Span


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


def answer_places(case: EvalCase, documents: Sequence[Document]) -> list[tuple[Document, Span]]:
    """Of each document of the case in which a reference stands: where the first such reference stands."""
    places = []
    for document in documents:
        if document.id not in case.documents and document.uri not in case.documents:
            continue
        for number, reference in enumerate(case.references):
            near = case.answer_start if number == 0 else None
            if (span := locate(document.text, reference, near)) is not None:
                places.append((document, span))
                break
    return places


def holding(span: Span, chunks: Iterable[Chunk]) -> list[Chunk]:
    """The chunks of a document in which a place lies whole."""
    return [chunk for chunk in chunks if chunk.start <= span.start and span.end <= chunk.end]


def reference_contexts(
    cases: Iterable[EvalCase], cut: Sequence[tuple[Document, Sequence[Chunk]]]
) -> dict[str, tuple[str, ...]]:
    """By case id, the texts of the chunks that hold its answer whole: what a perfect search would find.

    Of overlapping chunks all that hold it. A case whose answer no chunk holds has none. `cut` are documents with
    their chunks.
    """
    chunks_of = {document.id: chunks for document, chunks in cut}
    by_name = _by_name(document for document, _ in cut)
    found = {}
    for case in cases:
        documents = list({one.id: one for name in case.documents for one in by_name.get(name, ())}.values())
        held = [
            chunk.text
            for document, span in answer_places(case, documents)
            for chunk in holding(span, chunks_of[document.id])
        ]
        if held:
            found[case.id] = tuple(dict.fromkeys(held))
    return found


def _by_name(documents: Iterable[Document]) -> Mapping[str, list[Document]]:
    """Documents by id and by address, which those of several corpora may share."""
    named: dict[str, list[Document]] = {}
    for document in documents:
        for name in (document.id, document.uri):
            named.setdefault(name, []).append(document)
    return named
