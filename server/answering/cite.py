"""Turns the model's text into text whose every sentence stands on a passage.

The stream is held back sentence by sentence. A sentence keeps the marks `[n]` that its passages support;
one without a mark, or with a wrong one, gets that of the passage that supports it best; one that no
passage supports, or whose figures none has, is dropped (`verify`) or left unmarked (`keep`). What was
said already is not said again. A heading, a line that ends in a colon, or a bare "Yes." waits for a sentence
that it leads to. Marks are numbered anew in the order in which a reader meets them.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

from server.answering.support import SupportJudge, best_quote, content_words
from tandem.abstention import abstains
from tandem.vocabulary import Citation, Passage

_MARK = re.compile(r"\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
# A sentence ends at a full stop that white space follows, or at a line's end; marks after it belong to it.
_END = re.compile(r"(?:(?<=[.!?])[\"'”’)]*(?:\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\])*(?=\s+[^\s\[])|\n+)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|cf|etc|al|Fig|fig|No|Dr|Mr|Ms|approx)|(?:^|\s)\d{1,3}|\b[A-Z])\.$"
)
# "I don't know", or its first token without end, which a large bias on that token brings about.
_GIVES_UP = re.compile(r"\W*(?:i\s+(?:do\s+not|don['’]?t)\s+know\b|(?:I\s*){4})", re.I)
_HEADING = re.compile(r"#{1,6}\s")
_VERDICT = re.compile(r"(?:yes|no|maybe)\W*$", re.I)
_TELLING = 3
"""Content words from which a repetition tells of a loop; a list or a code block may well repeat less."""
_MARKED_LEAST = 0.5
"""Share of the support that a mark of the model's own needs: it has read the passage."""


class Citer:
    """Cites one answer as it streams. Feed it text, then `finish` it."""

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        mode: Literal["verify", "keep"],
        support: float,
        inclined: bool = False,
    ) -> None:
        self._passages = passages
        self._inclined = inclined
        self._mode = mode
        self._support = support
        self._held = ""
        self._gap = ""
        self._lead_in = ""
        self._numbers: dict[int, int] = {}
        self._claims: dict[int, tuple[float, str]] = {}
        self._heard: set[str] = set()
        self._said = False
        self._claimed = self._carried = 0
        self.loops = False
        """Whether the model has begun to repeat itself; nothing new is to be expected then."""
        self.gave_up = False
        """Whether a model that was inclined to say that it does not know began with it; nothing after it counts."""

    @cached_property
    def _judge(self) -> SupportJudge:
        """Made when the first sentence comes, while the engine is at work and not before it begins."""
        return SupportJudge([passage.chunk.text for passage in self._passages])

    def feed(self, text: str) -> str:
        """Take the next text of the model; returns what may be shown of it."""
        self._held += text
        shown = ""
        while not self._gives_up() and (end := self._sentence_end()) is not None:
            sentence, self._held = self._held[:end], self._held[end:]
            shown += self._cite(sentence)
        return shown

    def finish(self) -> str:
        """The model has ended; returns the rest that may be shown."""
        rest, self._held = self._held, ""
        return self._cite(rest) if rest.strip() and not self.loops and not self.gave_up else ""

    @property
    def citations(self) -> tuple[Citation, ...]:
        """One for each mark in the text so far, by number."""
        return tuple(
            citation_of(self._passages[number], n, self._claims[number][1])
            for number, n in self._numbers.items()
        )

    @property
    def cited(self) -> float | None:
        """Share of the model's sentences that carry a mark, those that were dropped counted as without; `None`
        where it claimed nothing.
        """
        return self._carried / self._claimed if self._claimed else None

    def _gives_up(self) -> bool:
        """Looks at each sentence before it is whole, and so at the same text however it streams."""
        if self._inclined and not self._said and _GIVES_UP.match(self._held):
            self.gave_up = True
        return self.gave_up

    def _sentence_end(self) -> int | None:
        for match in _END.finditer(self._held):
            before = self._held[: match.start()]
            if match.group().startswith("\n") or not _ABBREVIATION.search(before):
                if match.group().startswith("\n") and match.end() == len(self._held):
                    return None  # more line breaks may follow
                return match.end()
        return None

    def _cite(self, sentence: str) -> str:
        """What is shown of one sentence: nothing, or the white space before it, it, and its marks."""
        marked = [int(n) - 1 for marks in _MARK.findall(sentence) for n in marks.split(",")]
        text = _MARK.sub("", sentence)
        body = text.strip()
        gap = max(self._gap, text[: len(text) - len(text.lstrip())], key=_breaks)
        after = text[len(text.rstrip()) :]
        self._gap = max(gap, after, key=_breaks)
        if not body or self._is_repeated(body) or (abstains(body) and not self._said):
            return ""
        verdict = _VERDICT.match(body) is not None
        if body.endswith(":") or _HEADING.match(body) or (verdict and self._mode == "verify"):
            self._lead_in += _separator(gap) + body
            self._gap = after
            return ""
        carriers = self._carriers(body, marked)
        if content_words(body) and not body.endswith("?"):
            self._claimed += 1
            self._carried += bool(carriers)
        if not carriers and (self._mode == "verify" or not (content_words(body) or verdict)):
            return ""
        marks = "".join(f"[{self._numbers[number]}]" for number in carriers)
        shown = self._lead_in + _separator(gap) + body + (f" {marks}" if marks else "")
        shown = shown if self._said else shown.lstrip()
        self._lead_in, self._said, self._gap = "", True, after
        return shown

    def _is_repeated(self, body: str) -> bool:
        if len(content_words(body)) < _TELLING:
            return False
        words = " ".join(body.casefold().split())
        repeated = words in self._heard
        self._heard.add(words)
        self.loops = self.loops or repeated
        return repeated

    def _carriers(self, body: str, marked: list[int]) -> list[int]:
        """The passages (from 0) that carry the sentence. A question claims nothing, so nothing carries it."""
        if body.endswith("?"):
            return []
        known = dict.fromkeys(number for number in marked if 0 <= number < len(self._passages))
        least = self._support * _MARKED_LEAST
        scores = {number: self._judge.support(body, number) for number in known}
        carriers = {number: score for number, score in scores.items() if score >= least}
        if not carriers or not self._judge.has_figures(body, carriers):
            carriers = {}
            best, score = self._judge.best(body)
            if self._passages and score >= self._support:
                carriers = {best: score}
        elif len(content_words(body)) >= _TELLING and not carriers.keys() & (said := self._judge.says(body)):
            # A mark may be a passage's own, quoted with it; what another passage says to the letter is its.
            carriers = {said[0]: 1.0} if said else carriers
        for number, score in carriers.items():
            self._numbers.setdefault(number, len(self._numbers) + 1)
            if score > self._claims.get(number, (-1.0, ""))[0]:
                self._claims[number] = (score, body)
        return list(carriers)


def citation_of(passage: Passage, n: int, claim: str) -> Citation:
    """Citation number `n`: the sentence of the passage that `claim` stands on."""
    chunk = passage.chunk
    quote = best_quote(claim, chunk.text)
    return Citation(
        n=n,
        document_id=chunk.document_id,
        corpus=chunk.corpus,
        title=chunk.title,
        uri=chunk.uri,
        page=chunk.page,
        section=chunk.section,
        start=chunk.start + quote.start,
        end=chunk.start + quote.end,
        quote=chunk.text[quote.start : quote.end],
        score=round(passage.similarity, 4),
    )


def _separator(gap: str) -> str:
    """White space between two sentences, without what stood around those that were dropped."""
    return ("\n" * _breaks(gap))[:2] or " "


def _breaks(gap: str) -> int:
    return gap.count("\n")
