"""What tells which sentence of the passages holds the answer: numbers for each, without a model.

Nothing here depends on the size of a score: of the passages only their order counts, so that any fusion and
any reranker may have made it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from server.answering.support import content_words, sentences
from tandem.vocabulary import Passage, Span

FEATURES = (
    "covered",
    "covered_with_before",
    "covered_around",
    "covered_to_best",
    "around_to_best",
    "passage_to_best",
    "first",
    "second",
    "reciprocal_rank",
    "pairs",
    "length",
    "fragment",
    "figure",
    "figures",
    "defines",
)
"""Names of the columns of `features`, in their order."""

_ASKS_FIGURE = re.compile(
    r"\bhow (?:many|much|long|old|often|large|big|high|far)\b|\b(?:when|year|date|age|percent|percentage|"
    r"proportion|number|rate|size|dose|duration|time|range|temperature)\b",
    re.I,
)
_ASKS_MEANING = re.compile(r"\s*what (?:is|are|was|were|does)\b", re.I)
_DEFINES = re.compile(
    r"\b(?:is|are|was|were) (?:an?|the|one)\b|\bdefined|\bcalled|\bknown as|\brefer|\(", re.I
)
_NUMBER = re.compile(r"\d+")
_MANY_FIGURES = 5
_FRAGMENT = 3
"""Content words below which a sentence is a heading, a reference's end or the like."""
_KEPT_TEXTS = 4_096


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the passages: whose it is, by rank from 0, and where it stands in that passage's text."""

    passage: int
    span: Span
    words: tuple[str, ...]
    """Its content words, in order."""


def sentences_of(passages: Sequence[Passage]) -> list[Sentence]:
    """All sentences of the passages, in their order."""
    return [
        Sentence(number, span, words)
        for number, passage in enumerate(passages)
        for span, words in _read(passage.chunk.text)
    ]


def features(question: str, passages: Sequence[Passage], found: Sequence[Sentence]) -> NDArray[np.float64]:
    """An array of shape (sentences, features), in the order of `FEATURES`, for what `sentences_of` found.

    A word of the question weighs by how few of the sentences have it, log(1 + n / df); words that none has say
    nothing of which sentence it is.
    """
    asked = content_words(question)
    have = [frozenset(one.words) for one in found]
    weight = _weights(asked, have)
    pairs = set(pairwise(asked))
    figure, meaning = bool(_ASKS_FIGURE.search(question)), bool(_ASKS_MEANING.match(question))
    around = [_around(found, have, place) for place in range(len(found))]
    covered = [_share(weight, words) for words in have]
    wide = [_share(weight, before | own | after) for before, own, after in around]
    whole: dict[int, frozenset[str]] = {}
    for one, words in zip(found, have, strict=True):
        whole[one.passage] = whole.get(one.passage, frozenset()) | words
    of_passage = {number: _share(weight, words) for number, words in whole.items()}
    best, widest, fullest = (max(each, default=0.0) for each in (covered, wide, of_passage.values()))
    rows = []
    for place, one in enumerate(found):
        text = passages[one.passage].chunk.text[one.span.start : one.span.end]
        numbers = len(_NUMBER.findall(text))
        rows.append(
            (
                covered[place],
                _share(weight, have[place] | _before(found, have, place)),
                wide[place],
                covered[place] - best,
                wide[place] - widest,
                of_passage[one.passage] - fullest,
                one.passage == 0,
                one.passage == 1,
                1 / (1 + one.passage),
                len(pairs.intersection(pairwise(one.words))) / len(pairs) if pairs else 0.0,
                log1p(len(one.words)),
                len(one.words) < _FRAGMENT,
                figure and numbers > 0,
                figure * min(numbers, _MANY_FIGURES) / _MANY_FIGURES,
                meaning and _DEFINES.search(text) is not None,
            )
        )
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


@lru_cache(maxsize=_KEPT_TEXTS)
def _read(text: str) -> tuple[tuple[Span, tuple[str, ...]], ...]:
    """Passages come again and again."""
    return tuple((span, tuple(content_words(text[span.start : span.end]))) for span in sentences(text))


def _weights(asked: Iterable[str], have: Sequence[frozenset[str]]) -> dict[str, float]:
    """Of sum 1, over the words that any sentence has."""
    counts = {word: sum(word in words for words in have) for word in set(asked)}
    raw = {word: log(1 + len(have) / count) for word, count in counts.items() if count}
    total = sum(raw.values())
    return {word: value / total for word, value in raw.items()}


def _share(weight: dict[str, float], words: frozenset[str]) -> float:
    return sum(value for word, value in weight.items() if word in words)


def _before(
    found: Sequence[Sentence], have: Sequence[frozenset[str]], place: int, back: int = 1
) -> frozenset[str]:
    """The words of the sentence so far before it in its passage."""
    at = place - back
    return have[at] if at >= 0 and found[at].passage == found[place].passage else frozenset()


def _around(
    found: Sequence[Sentence], have: Sequence[frozenset[str]], place: int
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The words of the two sentences before it, its own, and those of the one after it."""
    after = place + 1 < len(found) and found[place + 1].passage == found[place].passage
    before = _before(found, have, place) | _before(found, have, place, 2)
    return before, have[place], have[place + 1] if after else frozenset()
