"""How rare the words of a question are among the texts of a corpus."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log

from pydantic import BaseModel, ConfigDict, PositiveInt

LEAST = 3
"""Texts that a word must be in to be listed: most of the others are in one, and would fill the list."""


class WordCounts(BaseModel):
    """In how many of some texts of a corpus each of its words is."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    texts: PositiveInt
    counts: dict[str, PositiveInt]
    """By stem, of those in at least `LEAST` texts."""

    def weight(self, word: str) -> float:
        """Inverse document frequency of a stem; of one that is not listed as if half of `LEAST` texts had it."""
        return log(1 + self.texts / self.counts.get(word, LEAST / 2))


def counted(texts: Iterable[frozenset[str]]) -> WordCounts:
    """The counts over texts, each given as its stems; there must be a text."""
    known = list(texts)
    found = Counter(word for text in known for word in text)
    return WordCounts(
        texts=len(known),
        counts={word: count for word, count in sorted(found.items()) if count >= LEAST},
    )


def rarities(asked: Sequence[str], found: frozenset[str], words: WordCounts) -> tuple[float, float, float]:
    """The mean weight of the question's different stems, the largest, and the sum of those not among `found`.

    The first two tell how much there is for passages to have in common with the question: what a score or a
    cosine means depends on it.
    """
    weights = {word: words.weight(word) for word in asked}
    if not weights:
        return 0.0, 0.0, 0.0
    missing = sum(weight for word, weight in weights.items() if word not in found)
    return sum(weights.values()) / len(weights), max(weights.values()), missing
