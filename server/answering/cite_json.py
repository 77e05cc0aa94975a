"""Cites an answer that is JSON: nothing in it is changed, so it stands on its passages or is withheld.

A sentence can be dropped and marked; a value cannot, or the answer would no longer obey its schema. So
every value that claims something (a string of at least three content words) is compared with the passages.
Those that a passage supports are cited, in the order of the values. Where there are claims and no passage
supports any, `verify` withholds the answer, and `keep` lets it pass. Numbers, enumerations and short strings
are no claims: the schema decides what they may be.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

from server.answering.cite import citation_of
from server.answering.support import SupportJudge, content_words
from tandem.vocabulary import Citation, Passage

_TELLING = 3


class JsonCiter:
    """Cites one JSON answer. Feed it text, then `finish` it; `verify` shows nothing before its end."""

    loops = gave_up = False

    def __init__(
        self, passages: Sequence[Passage], *, mode: Literal["verify", "keep"], support: float
    ) -> None:
        self._passages = passages
        self._mode = mode
        self._support = support
        self._text = ""
        self.citations: tuple[Citation, ...] = ()
        """One for each passage that supports a value, by number."""
        self.cited: float | None = None
        """Share of the values that claim something which a passage supports; `None` without such values."""

    @cached_property
    def _judge(self) -> SupportJudge:
        """Made when the first value comes, while the engine is at work and not before it begins."""
        return SupportJudge([passage.chunk.text for passage in self._passages])

    def feed(self, text: str) -> str:
        """Take the next text; returns what may be shown of it."""
        self._text += text
        return text if self._mode == "keep" else ""

    def finish(self) -> str:
        """The model has ended; returns the rest that may be shown."""
        claims = [value for value in _strings(self._text) if len(content_words(value)) >= _TELLING]
        best: dict[int, tuple[float, str]] = {}
        carried = 0
        for claim in claims:
            number, score = self._judge.best(claim)
            supported = bool(self._passages) and score >= self._support
            carried += supported
            if supported and score > best.get(number, (-1.0, ""))[0]:
                best[number] = (score, claim)
        self.cited = carried / len(claims) if claims else None
        self.citations = tuple(
            citation_of(self._passages[number], n, claim)
            for n, (number, (_, claim)) in enumerate(best.items(), start=1)
        )
        if self._mode == "keep" or (claims and not best):
            return ""
        return self._text


def _strings(text: str) -> Iterator[str]:
    """All string values, in order; none of a text that is not JSON, such as one that was cut short."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    waiting: list[Any] = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)
