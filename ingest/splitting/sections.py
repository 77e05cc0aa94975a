"""Where a text must be cut: at its headings and its pages."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.splitting.outline import Outline
from tandem.vocabulary import Page, Span

_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)\]]*(?:\s+|$)")
_MOST_CARRIED = 400
"""Characters of a sentence that may be carried over from one page to the next."""


def sections(
    text: str, outline: Outline, pages: Sequence[Page], whole: Sequence[Span], *, every_heading: bool
) -> list[Span]:
    """Cut the text at its top headings, or at every heading, and at its pages; the spans cover it in order.

    No chunk crosses such a cut: a citation names one section and one page. A section that is nothing
    but headings stays with what follows it, a sentence that runs over a page's end is not cut, nor is
    what is `whole`: spans in order.
    """
    level = max((one.level for one in outline.headings), default=0) if every_heading else outline.top_level()
    cuts = {*_heading_cuts(outline, level), *_page_cuts(text, pages)}
    borders = [0, *sorted(cut for cut in cuts if 0 < cut < len(text) and not _inside(whole, cut)), len(text)]
    return [Span(start, end) for start, end in pairwise(borders)]


class Pages:
    """The pages of a document, to be asked for the number of the one on which a place stands."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = [page for page in pages if page.end > page.start]
        self._starts = [page.start for page in self._pages]

    def number_at(self, position: int) -> int | None:
        """`None` where no page's text stands."""
        last = bisect_right(self._starts, position) - 1
        return self._pages[last].number if last >= 0 and position < self._pages[last].end else None


def _inside(whole: Sequence[Span], position: int) -> bool:
    after = bisect_left(whole, position, key=lambda span: span.start)
    return after > 0 and position < whole[after - 1].end


def _heading_cuts(outline: Outline, level: int) -> Iterator[int]:
    for number, heading in enumerate(outline.headings):
        # What stands before the heading goes on: it is only a heading itself.
        after_heading = number > 0 and outline.bodies[number - 1] >= heading.start
        if heading.level <= level and not after_heading:
            yield heading.start


def _page_cuts(text: str, pages: Sequence[Page]) -> Iterator[int]:
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
        yield end.end() if end else page.start
