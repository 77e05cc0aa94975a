"""Where a passage has the words of a sentence, one after the other.

Every sentence of an answer is looked for in every passage of its prompt, so a passage's words are found once, and no
pattern is made of a sentence: to compile one takes milliseconds, in which no other answer goes on.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from tandem.vocabulary import Span

_WORD = re.compile(r"\w+")
# Between two words of a sentence, with the marks that an article has of its own.
_MARK = re.compile(r"\[\d[\d,\s–-]*\]\W*")
_GAP = re.compile(r"\W+")
# What is sugar-free has no sugar.
_LACKING = re.compile(r"-(?:deficient|free|less|naive|negative|proof|resistant)\b", re.IGNORECASE)
_PASSAGES = 256
"""Passages whose words are remembered; an answer has a few, each of some hundred words."""


def place_of(sentence: str, passage: str) -> Span | None:
    """Where the passage has all words of the sentence in a row; case, white space and marks do not count.

    Nor does it where they begin inside of a compound: what is non-toxic is not toxic.
    """
    wanted = [word.lower() for word in _WORD.findall(sentence)]
    if not wanted:
        return None
    words = _words_of(passage)
    if any(word not in words.places for word in wanted):
        return None
    for first in words.places[wanted[0]]:
        if words.begins_compound(first):
            continue
        last = words.follow(wanted, first)
        if last is not None:
            return Span(words.spans[first].start, words.spans[last].end)
    return None


class _Words:
    """The words of a passage, in lower case, with their places."""

    def __init__(self, passage: str) -> None:
        self._passage = passage
        found = list(_WORD.finditer(passage))
        self._words = [each.group().lower() for each in found]
        self.spans = [Span(*each.span()) for each in found]
        self.places: dict[str, list[int]] = {}
        for number, word in enumerate(self._words):
            self.places.setdefault(word, []).append(number)
        self._starts = {span.start: number for number, span in enumerate(self.spans)}
        self._marked = {
            number
            for number, (one, other) in enumerate(pairwise(self.spans))
            if "[" in passage[one.end + 1 : other.start]
        }
        """Words after which a mark may stand."""

    def begins_compound(self, number: int) -> bool:
        """Whether the word is the later part of one with a hyphen."""
        start = self.spans[number].start
        return start > 0 and self._passage[start - 1] == "-"

    def follow(self, wanted: list[str], first: int) -> int | None:
        """The place of the last of the words where they stand in a row from `first` on."""
        paths = [(first, 1)]
        while paths:
            number, count = paths.pop()
            if count == len(wanted):
                if not _LACKING.match(self._passage, self.spans[number].end):
                    return number
                continue
            for after in self._after(number):
                if self._words[after] == wanted[count]:
                    paths.append((after, count + 1))
        return None

    def _after(self, number: int) -> Iterator[int]:
        """The next word, and those behind the marks in between."""
        if number in self._marked:
            gap = _GAP.match(self._passage, self.spans[number].end)
            # The mark's bracket is the end of the gap, which must be longer than it.
            at = gap.end() - 1 if gap else 0
            while mark := _MARK.match(self._passage, at):
                at = mark.end()
                if at in self._starts:
                    yield self._starts[at]
                at = at - 1 if self._passage[at - 1] == "[" else at
        if number + 1 < len(self._words):
            yield number + 1


@lru_cache(maxsize=_PASSAGES)
def _words_of(passage: str) -> _Words:
    return _Words(passage)
