"""From ranked chunks to the passages that are read: none twice, none of one source alone, none torn."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import filterfalse

from tandem.retrieval_profile import Reading
from tandem.vocabulary import Passage

_WORD = re.compile(r"\w+")
_REMEMBERED = 256
"""Passages whose words are remembered: the same ones come again and again, and a search has a few."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a passage, and those of them that are not of letters alone."""

    all: frozenset[str]
    figures: frozenset[str]


def readable(passages: Sequence[Passage], wanted: int, reading: Reading) -> list[Passage]:
    """At most `wanted` of the passages, chosen from the best on, those that overlap made one.

    A merged passage stands where its best part stood, with that part's scores, and its text is the document's
    from its start to its end, to the character.
    """
    chosen = _choose(passages, wanted, reading)
    return _merged(chosen) if reading.merge else chosen


def as_parents(passages: Sequence[Passage]) -> list[Passage]:
    """Each chunk that has a parent replaced by it, a parent once, where its best chunk stood."""
    read: dict[tuple[str, int, int], Passage] = {}
    for passage in passages:
        chunk, parent = passage.chunk, passage.chunk.parent
        if parent is not None:
            chunk = replace(chunk, text=parent.text, start=parent.start, end=parent.end)
            passage = replace(passage, chunk=chunk)
        read.setdefault((chunk.document_id, chunk.start, chunk.end), passage)
    return list(read.values())


def _choose(passages: Sequence[Passage], wanted: int, reading: Reading) -> list[Passage]:
    """Maximal marginal relevance (Carbonell and Goldstein 1998) with limits; lambda 1 keeps the order.

    Relevance is the rank's, from 1 down to 0, since rerankers' scores have no common scale; likeness is the
    Jaccard similarity of the words.
    """
    left = list(enumerate(passages))
    chosen: list[tuple[_Words, Passage]] = []
    of_source: dict[str, int] = {}
    known: dict[int, _Words] = {}  # each counted when it is first looked at: most never are

    def words_of(rank: int) -> _Words:
        if rank not in known:
            known[rank] = _words(passages[rank].chunk.text)
        return known[rank]

    def worth(one: tuple[int, Passage]) -> float:
        words = words_of(one[0])
        relevance = 1 - one[0] / len(passages)
        nearest = max((_likeness(words, other) for other, _ in chosen), default=0.0)
        return reading.mmr * relevance - (1 - reading.mmr) * nearest

    while left and len(chosen) < wanted:
        place = 0 if reading.mmr == 1 else max(range(len(left)), key=lambda at: worth(left[at]))
        rank, passage = left.pop(place)
        words = words_of(rank)
        source = passage.chunk.document_id
        full = 0 < reading.per_source <= of_source.get(source, 0)
        if full or any(_says_the_same(words, other, reading.near_identical) for other, _ in chosen):
            continue
        of_source[source] = of_source.get(source, 0) + 1
        chosen.append((words, passage))
    return [passage for _, passage in chosen]


@lru_cache(_REMEMBERED)
def _words(text: str) -> _Words:
    words = frozenset(_WORD.findall(text.casefold()))
    return _Words(words, frozenset(filterfalse(str.isalpha, words)))


def _says_the_same(one: _Words, other: _Words, least: float) -> bool:
    # Two rows of a table, or two invoices, that differ in a figure alone say different things.
    return one.figures == other.figures and _likeness(one, other) >= least


def _likeness(one: _Words, other: _Words) -> float:
    both = len(one.all & other.all)
    either = len(one.all) + len(other.all) - both
    return both / either if either else 1.0


def _merged(passages: Sequence[Passage]) -> list[Passage]:
    """Passages of the same version of a document that touch or overlap, made one."""
    order = {id(passage): rank for rank, passage in enumerate(passages)}
    by_place = sorted(
        passages, key=lambda p: (p.chunk.document_id, p.chunk.version, p.chunk.start, -p.chunk.end)
    )
    runs: list[list[Passage]] = []
    end = 0
    for passage in by_place:
        chunk = passage.chunk
        last = runs[-1][-1].chunk if runs else None
        same = last is not None and (last.document_id, last.version) == (chunk.document_id, chunk.version)
        if same and chunk.start <= end:
            runs[-1].append(passage)
            end = max(end, chunk.end)
        else:
            runs.append([passage])
            end = chunk.end
    ranked = sorted(runs, key=lambda run: min(order[id(passage)] for passage in run))
    return [_joined(run, min(run, key=lambda passage: order[id(passage)])) for run in ranked]


def _joined(run: Sequence[Passage], best: Passage) -> Passage:
    first = run[0].chunk
    text, end = first.text, first.end
    for passage in run[1:]:
        chunk = passage.chunk
        if chunk.end > end:
            text, end = text + chunk.text[end - chunk.start :], chunk.end
    # Page and section are those of where the text begins; scores, of the part that was found best.
    return replace(best, chunk=replace(first, text=text, end=end)) if len(run) > 1 else best
