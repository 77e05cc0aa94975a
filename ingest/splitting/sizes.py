"""How many tokens a text has, without asking the tokenizer again and again."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tandem.index.protocol import Vector

_WORDS = re.compile(r"[ \t\n]*+[^ \t\n]+|[ \t\n]+")
"""A word with the blanks before it, or the blanks at the end. Only these three divide words for every
tokenizer: some drop other white space, such as a form feed, and read what is around it as one word."""

_SLICE = 1 << 16
"""Characters that are learned at a time."""

_LONGEST = 64
"""Characters of a word that is remembered; longer ones seldom come again."""

_MOST = 100_000
"""Words remembered: about 12 MB."""


class TextEmbedder(Protocol):
    """What splitting asks of the embedder."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""

    def token_starts(self, text: str) -> Sequence[int]:
        """Where each token of a text begins, in characters, in order."""

    def embed_documents(self, texts: Sequence[str]) -> "Vector":
        """A vector of length 1 for each text."""


class Sizes:
    """Sizes of texts by their words: each word is shown to the tokenizer once. May be used by any thread.

    A word's tokens are counted between two words, whatever came before, so a text always has the same
    size. Tokenizers divide a text at its blanks first, so the sum is the true count but for the first word
    (some take it otherwise where no blank stands before it): what must be exact is counted by `exact`.
    """

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._known: dict[str, int] = {}

    def learn(self, text: str) -> None:
        """Make the words of a text known in few calls of the tokenizer; without it they are learned later."""
        for start in range(0, len(text), _SLICE):
            words = dict.fromkeys(_WORDS.findall(text[start : start + _SLICE]))
            # What begins a line here begins a unit later, and is then read after one blank.
            words |= dict.fromkeys([" " + word.lstrip() for word in words if word[0] == "\n"])
            self._learn([word for word in words if word not in self._known and len(word) <= _LONGEST])

    def __call__(self, text: str) -> int:
        """The size of a text, in tokens."""
        # Whatever follows begins with a blank again, so one at the end is not counted twice.
        words, known = _WORDS.findall(f" {text}".removesuffix(" ")), self._known
        try:
            return sum(map(known.__getitem__, words))
        except KeyError:
            return self._sum(words, known)

    def exact(self, text: str) -> int:
        """As the tokenizer counts it."""
        return self._embedder.count_tokens(text)

    def _sum(self, words: Sequence[str], known: Mapping[str, int]) -> int:
        new = [word for word in dict.fromkeys(words) if word not in known]
        counts = self._learn([word for word in new if len(word) <= _LONGEST])
        counts |= {word: self.exact(word) for word in new if len(word) > _LONGEST}
        return sum(counts[word] if word in counts else known[word] for word in words)

    def _learn(self, words: Sequence[str]) -> dict[str, int]:
        """The tokens of short words, counted in one text in which an `a` stands before each."""
        if not words:
            return {}
        starts = self._embedder.token_starts("".join(f" a{word}" for word in words))
        counts = {}
        place = passed = 0
        for word in words:
            before = bisect_left(starts, place + 2, passed)
            place += 2 + len(word)
            passed = bisect_left(starts, place, before)
            counts[word] = passed - before
        if len(self._known) + len(counts) > _MOST:
            self._known = {}  # not cleared: another thread may be counting with it
        self._known.update(counts)
        return counts
