"""How far a passage carries a sentence, by its words.

The measure is the share of a sentence's weighted content words that a passage contains: a recall of
unigrams as in ROUGE-1 (Lin 2004), with the inverse document frequency over the passages of the prompt as
weight, so that words which every passage has decide nothing. Words can agree while a figure does not
("four days" for "fourteen days"), so figures are compared by themselves.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log

from server.answering.figures import figures
from tandem.vocabulary import Span

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|\n{1,}")
_STOPWORDS = frozenset(
    """
    a about after all also an and any are as at be been before being but by can could did do does for
    from had has have he her his how i if in into is it its just may more most no not of on one only or
    other our out over s same she so some such t than that the their them then there these they this
    those to too under up use used using very was we were what when where which who will with would you
    your
    """.split()  # noqa: SIM905 - read as a text
)
_SUFFIXES = (
    "ations",
    "ation",
    "ingly",
    "ments",
    "ment",
    "ness",
    "ings",
    "ing",
    "edly",
    "ies",
    "ied",
    "ed",
    "es",
    "ly",
    "s",
    "e",
)


def stem(word: str) -> str:
    """A crude stem: one common English suffix less, never shorter than four letters."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 4:
            return word[: -len(suffix)]
    return word


def content_words(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    return [found for word in _WORD.findall(text) if (found := _content(word))]


@lru_cache(maxsize=50_000)
def _content(word: str) -> str:
    """The stem of a word as it is written; nothing where it carries no meaning."""
    word = word.lower()
    return "" if word in _STOPWORDS else stem(word)


class SupportJudge:
    """Measures sentences against the passages of one prompt."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._words = [set(content_words(text)) for text in passages]
        self._figures = [figures(text) for text in passages]
        n = len(passages)
        frequency: dict[str, int] = {}
        for words in self._words:
            for word in words:
                frequency[word] = frequency.get(word, 0) + 1
        self._weight = {word: log(1 + n / count) for word, count in frequency.items()}
        self._unseen = log(1 + n)

    def support(self, sentence: str, passage: int) -> float:
        """In [0, 1]: the weighted share of the sentence's content words in passage number `passage` (from 0).

        A sentence without content words has no support.
        """
        wanted = set(content_words(sentence))
        total = sum(self._weight.get(word, self._unseen) for word in wanted)
        if not total:
            return 0.0
        return sum(self._weight[word] for word in wanted if word in self._words[passage]) / total

    def has_figures(self, sentence: str, passages: Iterable[int]) -> bool:
        """Whether every figure of the sentence stands in one of these passages."""
        return figures(sentence) <= frozenset().union(*(self._figures[number] for number in passages))

    def best(self, sentence: str) -> tuple[int, float]:
        """The passage that supports the sentence most, the earlier of equals, and by how much.

        Only passages with all of the sentence's figures count; without one the support is 0.
        """
        scored = [
            (self.support(sentence, number), -number)
            for number in range(len(self._words))
            if self.has_figures(sentence, [number])
        ]
        score, negative = max(scored, default=(0.0, 0))
        return -negative, score


def best_quote(sentence: str, passage: str) -> Span:
    """The sentence of the passage with most words in common (F1 of content words)."""
    wanted = set(content_words(sentence))
    best, best_score = Span(0, len(passage)), 0.0
    for span in sentences(passage):
        words = set(content_words(passage[span.start : span.end]))
        common = len(wanted & words)
        score = 2 * common / (len(wanted) + len(words)) if common else 0.0
        if score > best_score:
            best, best_score = span, score
    return best


def sentences(text: str) -> list[Span]:
    """Spans of the text's sentences, without the white space around them."""
    spans, start = [], 0
    for end in [*(match.start() for match in _SENTENCE_END.finditer(text)), len(text)]:
        piece = text[start:end]
        if piece.strip():
            left = start + len(piece) - len(piece.lstrip())
            spans.append(Span(left, start + len(piece.rstrip())))
        start = end
    return spans
