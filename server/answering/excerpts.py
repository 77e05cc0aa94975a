"""Cuts passages down to the sentences that most likely hold the answer, so that a prompt holds little else.

A passage is found by all that it says, but answered from a sentence or two of it. A small model picks the
wrong one among thirty sooner than among ten, and every token that is left out need not be read.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from server.answering.sentence_features import Sentence
from server.answering.sentence_ranker import ranked_sentences
from tandem.tokens import ModelTokens
from tandem.vocabulary import Passage

Scored = tuple[Sentence, float]


def excerpts(question: str, passages: Sequence[Passage], most: int, tokens: ModelTokens) -> list[Passage]:
    """Each passage cut to neighbouring sentences of at most `most` tokens, around that which scores highest in it.

    They stand in the order of that score. One sentence stays whole whatever its length. A passage whose best
    sentence stands in a better excerpt already, as chunks that overlap have it, is left out, and so is one
    without a sentence. What is cut still stands in its document from `start` to `end`.
    """
    groups = groupby(ranked_sentences(question, passages), key=lambda one: one[0].passage)
    of_passage = [list(group) for _, group in groups]
    of_passage.sort(key=lambda group: -max(score for _, score in group))
    kept: list[Passage] = []
    for group in of_passage:
        passage = passages[group[0][0].passage]
        best = max(range(len(group)), key=lambda place: group[place][1])
        if not any(_stands_in(_part(passage, group[best : best + 1]), other) for other in kept):
            kept.append(_part(passage, _window(passage, group, best, most, tokens)))
    return kept


def _window(
    passage: Passage, group: Sequence[Scored], best: int, most: int, tokens: ModelTokens
) -> Sequence[Scored]:
    """The sentences around the best one, of two neighbours always the better, as long as they fit."""
    first, end = best, best + 1
    while True:
        wider = {place: (min(first, place), max(end, place + 1)) for place in (first - 1, end)}
        fitting = [
            place
            for place, (left, right) in wider.items()
            if 0 <= place < len(group) and _cost(passage, group[left:right], tokens) <= most
        ]
        if not fitting:
            return group[first:end]
        first, end = wider[max(fitting, key=lambda place: group[place][1])]


def _cost(passage: Passage, group: Sequence[Scored], tokens: ModelTokens) -> int:
    return tokens.count(tokens.plain(_part(passage, group).chunk.text))


def _part(passage: Passage, group: Sequence[Scored]) -> Passage:
    chunk = passage.chunk
    start, end = group[0][0].span.start, group[-1][0].span.end
    cut = replace(chunk, text=chunk.text[start:end], start=chunk.start + start, end=chunk.start + end)
    return replace(passage, chunk=cut)


def _stands_in(one: Passage, other: Passage) -> bool:
    inner, outer = one.chunk, other.chunk
    same = (inner.document_id, inner.version) == (outer.document_id, outer.version)
    return same and outer.start <= inner.start and inner.end <= outer.end
