"""Where a text may be cut, and where a place in it stands: section and page."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from tandem.vocabulary import Heading, Page, Span

_PATH_SEPARATOR = " > "
_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)\]]*(?:\s+|$)")
_MOST_CARRIED = 400
"""Characters of a sentence that may be carried over from one page to the next."""


def sections(text: str, headings: Sequence[Heading], pages: Sequence[Page]) -> list[Span]:
    """Cut the text at its top headings and at its pages; the spans cover it in order.

    No chunk crosses such a cut: a citation names one section and one page. A section that is nothing
    but headings stays with what follows it, and a sentence that runs over a page's end is not cut.
    """
    cuts = {0, len(text), *_heading_cuts(text, headings), *_page_cuts(text, pages)}
    return [Span(start, end) for start, end in pairwise(sorted(cuts))]


def body_start(text: str, heading: Heading) -> int:
    """Where the text below a heading begins."""
    line_end = text.find("\n", heading.start)
    position = len(text) if line_end < 0 else line_end
    while position < len(text) and text[position].isspace():
        position += 1
    return position


class Outline:
    """The headings of a text, to be asked for the section of a place."""

    def __init__(self, text: str, headings: Sequence[Heading]) -> None:
        self._starts = [heading.start for heading in headings]
        self._bodies = [body_start(text, heading) for heading in headings]
        self._paths: list[str] = []
        path: list[Heading] = []
        for heading in headings:
            while path and path[-1].level >= heading.level:
                path.pop()
            path.append(heading)
            self._paths.append(_PATH_SEPARATOR.join(one.title for one in path))

    def section_at(self, start: int) -> str | None:
        """Titles of the headings that hold at `start`, outermost first.

        Where `start` is a heading, the one that holds for the text below it counts.
        """
        last = bisect_right(self._starts, start)
        if last and self._starts[last - 1] == start:
            while last < len(self._starts) and self._starts[last] == self._bodies[last - 1]:
                last += 1
        return self._paths[last - 1] if last else None


def page_at(pages: Sequence[Page], position: int) -> int | None:
    """Number of the page on which a position of its text stands."""
    last = bisect_right(pages, position, key=lambda page: page.start)
    return next((page.number for page in reversed(pages[:last]) if page.end > page.start), None)


def _heading_cuts(text: str, headings: Sequence[Heading]) -> list[int]:
    top = _top_level(headings)
    cuts = []
    for number, heading in enumerate(headings):
        # What stands before the heading goes on: it is only a heading itself.
        after_heading = number > 0 and body_start(text, headings[number - 1]) >= heading.start
        if heading.level <= top and not after_heading:
            cuts.append(heading.start)
    return cuts


def _top_level(headings: Sequence[Heading]) -> int:
    """The outermost level that divides a text: a single title above all divides nothing."""
    levels = sorted(heading.level for heading in headings)
    return next((level for level, other in pairwise(levels) if level == other), 0)


def _page_cuts(text: str, pages: Sequence[Page]) -> list[int]:
    cuts = []
    for page in pages:
        if page.start == 0 or page.start == page.end:
            continue
        before = text[max(0, page.start - 20) : page.start].rstrip()
        goes_on = text[page.start].islower() and not _SENTENCE_END.search(before)
        end = (
            _SENTENCE_END.search(text, page.start, min(page.start + _MOST_CARRIED, page.end))
            if goes_on
            else None
        )
        cuts.append(end.end() if end else page.start)
    return cuts
