"""What tells from question and passages alone whether the answer is in them.

Every feature but the last eight is free of the index's scale: cosines, shares in [0, 1], and yes or no. The
scores of a fusion or a reranker, and those of BM25, are of another size with every setting or corpus, so that they count in a calibration
alone that was fitted with the same. How rare a word is depends on the corpus: it counts in a calibration alone
that brings the counts of its own. What a model says of the question is asked for elsewhere (`server.answering.explained`).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import log, log1p

from server.answering.figures import figures
from server.answering.support import content_words, sentences
from server.calibration import FEATURES, NOT_ASKED, OF_WORDS, Explained
from server.word_counts import WordCounts, rarities
from tandem.vocabulary import Passage

_NAMED = re.compile(r"(?<![^\W_])(?=[^\W_]*[A-Z0-9])[^\W_]+(?:[-.'’][^\W_]+)*")
_MANY = 0.5
"""Share of one document from which more tells nothing: a short document has no more passages."""
_FEW = 2
"""Words of a question below which their number tells nothing: so short ones were not seen at the fit."""
_REMEMBERED = 256
"""Passages whose words are remembered: the same ones come again and again, and an answer has a few."""
_ASKS_FIGURE = re.compile(
    r"\b(?:how (?:many|much|long|old|often|large|big|high|far)|when|what (?:year|date|age|percentage|percent|"
    r"proportion|number|time|size)|which year)\b",
    re.I,
)


def features(
    question: str,
    passages: Sequence[Passage],
    words: WordCounts | None = None,
    explained: Explained = NOT_ASKED,
) -> tuple[float, ...]:
    """The values of `server.calibration.FEATURES`, for a question and its passages, best first. There must be a passage.

    Words weigh by their inverse document frequency among the passages, so that one which none has weighs
    most and the topic, which all have, decides little. Three values are by that among the texts that
    `words` counts, and 0 without it; the last two are `explained` as it was given.
    """
    cosines = [passage.similarity for passage in passages]
    read = [
        _read(passage.chunk.text, passage.chunk.title, passage.chunk.section or "") for passage in passages
    ]
    asked = content_words(question)
    weight = _weights(set(asked), read)
    shares = [_share(weight, one.words) for one in read]
    union = frozenset().union(*(one.words for one in read))
    best = max(cosines)
    others = (sum(cosines) - best) / max(len(cosines) - 1, 1)
    together = [max((_share(weight, window) for window in one.windows), default=0.0) for one in read]
    named = _named(question)
    pairs = set(pairwise(asked))
    # The nearest is the first of those with most of the words; where all have the same, words say nothing.
    agree = min(shares) == max(shares) or cosines.index(best) == shares.index(max(shares))
    first = passages[0].chunk.document_id
    return (
        best,
        sum(cosines) / len(cosines),
        best - others,
        _share(weight, union),
        max(shares),
        shares[0],
        max(together),
        len(named - union) / len(named) if named else 0.0,
        len(pairs & frozenset().union(*(one.pairs for one in read))) / len(pairs) if pairs else max(shares),
        float(agree and max(shares) > 0),
        min(sum(passage.chunk.document_id == first for passage in passages) / len(passages), _MANY),
        max(_share(weight, one.title) for one in read),
        log1p(max(len(weight), _FEW)),
        float(_ASKS_FIGURE.search(question) is not None and not _has_figure(read, together)),
        *_scores([passage.score for passage in passages]),
        max(passage.bm25.score if passage.bm25 else 0.0 for passage in passages),
        *(rarities(asked, union, words) if words else (0.0, 0.0, 0.0)),
        *explained,
    )


def words_of(text: str) -> frozenset[str]:
    """The stems of a text, as `server.word_counts` counts them."""
    return frozenset(content_words(text))


def with_rarities(
    values: Sequence[float], question: str, texts: Sequence[str], words: WordCounts
) -> tuple[float, ...]:
    """The values of `features` with those of `OF_WORDS` by these counts, for a question and its passages' texts."""
    union = frozenset().union(*map(words_of, texts))
    start = FEATURES.index(OF_WORDS[0])
    end = start + len(OF_WORDS)
    return (*values[:start], *rarities(content_words(question), union, words), *values[end:])


def _scores(scores: Sequence[float]) -> tuple[float, float]:
    """The best one, and its lead over the mean of the others."""
    best = max(scores)
    return best, best - (sum(scores) - best) / (len(scores) - 1) if len(scores) > 1 else 0.0


class _Read:
    """The words of a passage: all, pairs of neighbours, and those of each two sentences that follow."""

    def __init__(self, text: str, title: str, section: str) -> None:
        self.sentences = [text[span.start : span.end] for span in sentences(text)]
        found = [content_words(sentence) for sentence in self.sentences]
        sets = [frozenset(words) for words in found]
        self.windows = [one | other for one, other in pairwise(sets)] or sets
        self.words = frozenset().union(*sets)
        self.pairs = {pair for words in found for pair in pairwise(words)}
        self.title = frozenset(content_words(f"{title} {section}"))


_read = lru_cache(_REMEMBERED)(_Read)


def _weights(words: set[str], read: Sequence[_Read]) -> dict[str, float]:
    n = len(read)
    return {word: log(1 + n / max(sum(word in one.words for one in read), 1)) for word in words}


def _share(weight: dict[str, float], words: frozenset[str]) -> float:
    total = sum(weight.values())
    return sum(value for word, value in weight.items() if word in words) / total if total else 0.0


def _named(question: str) -> frozenset[str]:
    """Stems of names, abbreviations and figures: the words with a capital or a digit, but the first."""
    found = list(_NAMED.finditer(question))
    first = len(question) - len(question.lstrip())
    kept = (word.group() for word in found if word.start() > first or not word.group().istitle())
    return frozenset(stem for word in kept for stem in content_words(word))


def _has_figure(read: Sequence[_Read], together: Sequence[float]) -> bool:
    """Whether the passage whose neighbouring sentences have most of the question states a figure there."""
    best = max(range(len(read)), key=together.__getitem__)
    return any(figures(sentence) for sentence in read[best].sentences)
