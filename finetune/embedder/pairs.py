"""What an embedder learns from: a question, and the chunks that hold its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tandem.vocabulary import Chunk


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its right answers, and ids or addresses of the documents that hold them; any where none is named."""

    question: str
    answers: tuple[str, ...]
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with the chunks that answer it, as places in the list of all chunks."""

    question: str
    right: tuple[int, ...]
    """Chunks that hold one of the answers and are of a document that the question names."""
    holders: frozenset[int]
    """All chunks that hold one of the answers, of whatever document: none of them is ever called wrong."""
    documents: frozenset[str]
    """Ids of the documents of `right`."""


def pair_up(asked: Sequence[Asked], chunks: Sequence[Chunk]) -> list[Pair]:
    """A pair for each question whose answer is whole in some chunk; the other questions are left out.

    White space and letter case of an answer do not count. An answer that runs over the edge of a chunk is in
    neither of the two, just as in the figures of `eval.retrieval`.
    """
    texts = [_folded(chunk.text) for chunk in chunks]
    names: dict[str, set[int]] = {}
    for place, chunk in enumerate(chunks):
        names.setdefault(chunk.uri, set()).add(place)
        names.setdefault(chunk.document_id, set()).add(place)
    found = (_pair(one, chunks, texts, names) for one in asked)
    return [pair for pair in found if pair is not None]


def _pair(
    asked: Asked, chunks: Sequence[Chunk], texts: Sequence[str], names: Mapping[str, set[int]]
) -> Pair | None:
    answers = [folded for answer in asked.answers if (folded := _folded(answer))]
    holders = frozenset(
        place for place, text in enumerate(texts) if any(answer in text for answer in answers)
    )
    named = set().union(*(names.get(name, set()) for name in asked.documents))
    right = holders & named if asked.documents else holders
    if not right:
        return None
    documents = frozenset(chunks[place].document_id for place in right)
    return Pair(asked.question, tuple(sorted(right)), holders, documents)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
