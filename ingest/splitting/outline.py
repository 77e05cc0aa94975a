"""The headings of a text, to be asked which of them holds at a place."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from tandem.vocabulary import Heading

_BLANK = re.compile(r"\s*")
_DEEPEST = 12
"""Headings in a path; of what is nested deeper, the outermost are left out."""

_LONGEST = 200
"""Characters of one title in a path: a file can call a whole page a heading, and each chunk repeats it."""

PATH_SEPARATOR = " > "


class Outline:
    """Headings in order, with where the text below each begins. Each question costs a binary search."""

    def __init__(self, text: str, headings: Sequence[Heading]) -> None:
        self.headings = headings
        self.starts = [heading.start for heading in headings]
        ends = [*self.starts[1:], len(text)]
        self.bodies = [
            _body_start(text, start, max(start, end)) for start, end in zip(self.starts, ends, strict=False)
        ]
        self._above = _parents(headings)
        # Where headings follow each other, the last of them holds for the text below.
        self._holding = list(range(len(headings)))
        for number in range(len(headings) - 2, -1, -1):
            if self.starts[number + 1] == self.bodies[number]:
                self._holding[number] = self._holding[number + 1]

    def number_at(self, start: int) -> int | None:
        """Which heading holds at `start`.

        Where `start` is a heading, the one that holds for the text below it counts.
        """
        last = bisect_right(self.starts, start) - 1
        if last < 0:
            return None
        return self._holding[last] if self.starts[last] == start else last

    def between(self, start: int, end: int) -> tuple[int, int]:
        """The numbers, as a half-open range, of the headings that begin in a part of the text."""
        return bisect_left(self.starts, start), bisect_left(self.starts, end)

    def path(self, number: int) -> list[str]:
        """The titles of a heading and of those above it, outermost first."""
        titles: list[str] = []
        above: int | None = number
        while above is not None and len(titles) < _DEEPEST:
            titles.append(self.headings[above].title[:_LONGEST])
            above = self._above[above]
        return titles[::-1]

    def section_at(self, start: int) -> str | None:
        """The path of the heading that holds at `start`, as text."""
        number = self.number_at(start)
        return None if number is None else PATH_SEPARATOR.join(self.path(number))

    def top_level(self) -> int:
        """The outermost level that divides the text: a single title above all divides nothing."""
        levels = sorted(heading.level for heading in self.headings)
        return next((level for level, other in pairwise(levels) if level == other), 0)


def _body_start(text: str, start: int, end: int) -> int:
    """Where the text below a heading begins; `end` is where the next heading does."""
    line_end = text.find("\n", start, end)
    found = _BLANK.match(text, end if line_end < 0 else line_end)
    return found.end() if found else end


def _parents(headings: Sequence[Heading]) -> list[int | None]:
    above: list[int | None] = []
    path: list[int] = []
    for number, heading in enumerate(headings):
        while path and headings[path[-1]].level >= heading.level:
            path.pop()
        above.append(path[-1] if path else None)
        path.append(number)
    return above
