"""How far a passage carries a sentence, by its words.

The measure is the share of a sentence's weighted content words that a passage contains: a recall of
unigrams as in ROUGE-1 (Lin 2004), with the inverse document frequency over the passages of the prompt as
weight, so that words which every passage has decide nothing. Words can agree while a figure does not
("four days" for "fourteen days"), so figures are compared by themselves. Of passages that carry a sentence
equally, that which has it to the letter is meant.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log

from server.answering.figures import figures
from server.answering.wording import place_of
from tandem.vocabulary import Span

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|\n{1,}")
# The number of a footnote that a parser has left at a figure's end: "was 2.2.9 The next".
_NOTE = re.compile(r"(\d\.\d+)\.\d{1,3}(?=\s+[A-Z])")
_REMEMBERED = 256
"""Passages whose words are remembered: the same ones come again and again, and an answer has a few."""
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


@lru_cache(_REMEMBERED)
def _words_of(passage: str) -> frozenset[str]:
    return frozenset(content_words(passage))


class SupportJudge:
    """Measures sentences against the passages of one prompt."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._passages = passages
        self._words = [_words_of(text) for text in passages]
        self._figures: dict[int, frozenset[str]] = {}
        n = len(passages)
        frequency: dict[str, int] = {}
        for words in self._words:
            for word in words:
                frequency[word] = frequency.get(word, 0) + 1
        self._weight = {word: log(1 + n / count) for word, count in frequency.items()}
        self._unseen = log(1 + n)

    def support(self, sentence: str, passage: int) -> float:
        """In [0, 1]: the weighted share of the sentence's content words in passage number `passage` (from 0).

        What the passage says to the letter it carries wholly, also where its words are joined otherwise
        ("aspartate-rich"). A sentence without content words has no support.
        """
        wanted = set(content_words(sentence))
        total = sum(self._weight.get(word, self._unseen) for word in wanted)
        if not total:
            return 0.0
        if wanted <= self._words[passage] or place_of(sentence, self._passages[passage]):
            return 1.0
        return sum(self._weight[word] for word in wanted if word in self._words[passage]) / total

    def says(self, sentence: str) -> list[int]:
        """The passages (from 0) that have the sentence to the letter."""
        return [number for number, text in enumerate(self._passages) if place_of(sentence, text)]

    def has_figures(self, sentence: str, passages: Iterable[int]) -> bool:
        """Whether every figure of the sentence stands in one of these passages."""
        stated = figures(sentence)
        return not stated or stated <= frozenset().union(*map(self._figures_of, passages))

    def best(self, sentence: str) -> tuple[int, float]:
        """The passage that supports the sentence most, and by how much.

        Of equals it is one that has the sentence to the letter, then the earlier. Only passages with all of the
        sentence's figures count; without one the support is 0.
        """
        stated = figures(sentence)
        scores = {
            number: self.support(sentence, number)
            for number in range(len(self._words))
            if not stated or stated <= self._figures_of(number)
        }
        most = max(scores.values(), default=0.0)
        equals = [number for number, score in scores.items() if score == most]
        if len(equals) > 1:
            said = set(self.says(sentence))
            equals.sort(key=lambda number: number not in said)
        return (equals[0] if equals else 0), most

    def _figures_of(self, passage: int) -> frozenset[str]:
        """Looked for where a sentence states some: most do not, and it takes longer than all the rest."""
        known = self._figures.get(passage)
        if known is None:
            text = self._passages[passage]
            known = self._figures[passage] = figures(text) | figures(_without_notes(text))
        return known


def best_quote(sentence: str, passage: str) -> Span:
    """The sentences of the passage that have `sentence` to the letter; else the one with most words in common
    (F1 of content words)."""
    spans = sentences(passage)
    said = place_of(sentence, passage)
    if said is not None:
        touched = [span for span in spans if span.start < said.end and said.start < span.end]
        return Span(touched[0].start, touched[-1].end)
    wanted = set(content_words(sentence))
    best, best_score = Span(0, len(passage)), 0.0
    for span in spans:
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


def _without_notes(text: str) -> str:
    return _NOTE.sub(r"\1.", text)
