"""Answers as words in a text: where they stand, and the sentence around them."""

import re
from dataclasses import dataclass

_MARK = re.compile(r"\s*\[\d{1,3}(?:\s*[,–-]\s*\d{1,3})*\]")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]?[A-Z0-9])|\n+")
_TELLING = 8
"""Characters from which words that stand in a text are no accident."""


@dataclass(frozen=True, slots=True)
class Place:
    """Half-open range of characters of a text."""

    start: int
    end: int


def folded(text: str) -> str:
    """Letter case and white space do not count."""
    return " ".join(text.casefold().split())


def words(text: str) -> list[str]:
    """Its words, folded."""
    return re.findall(r"\w+", text.casefold())


def names(text: str) -> set[str]:
    """Words with a capital letter, but the first, and figures; folded."""
    first, *others = re.findall(r"\w+", text) or [""]
    told = [word for word in others if any(letter.isupper() or letter.isdigit() for letter in word)]
    return {word.casefold() for word in [*told, *([first] if first.isdigit() else [])]}


def without_marks(text: str) -> str:
    """On one line, and without numbers in brackets: serving reads each `[12]` as the mark of a passage, also one
    that a quoted article has of its own.
    """
    return " ".join(_MARK.sub("", text).split())


def places(answer: str, text: str, *, whole: bool = False) -> list[Place]:
    """Where the answer's words stand in the text, whatever the white space; `whole`: not inside of a word."""
    parts = [re.escape(word) for word in answer.split()]
    if not parts:
        return []
    pattern = r"\s+".join(parts)
    if whole:
        pattern = rf"(?<!\w){pattern}(?!\w)"
    return [Place(*match.span()) for match in re.finditer(pattern, text, re.IGNORECASE)]


def stands_in(answer: str, text: str) -> bool:
    """Whether the text says the answer, and not by accident: `3` stands in every other text."""
    return len(folded(answer)) >= _TELLING and bool(places(answer, text, whole=True))


def nearest(found: list[Place], start: int | None) -> Place | None:
    """The place that begins nearest to `start`; the first where that is not known."""
    if not found:
        return None
    return found[0] if start is None else min(found, key=lambda place: abs(place.start - start))


def sentences(text: str) -> list[Place]:
    """Sentences without the white space around them."""
    found, begun = [], 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        piece = text[begun:end]
        if piece.strip():
            left = begun + len(piece) - len(piece.lstrip())
            found.append(Place(left, begun + len(piece.rstrip())))
        begun = end
    return found


def sentence_around(text: str, place: Place) -> str:
    """The sentences that the place touches."""
    span = around(text, place)
    return text[span.start : span.end]


def around(text: str, place: Place) -> Place:
    """From the start of the first sentence that the place touches to the end of the last."""
    touched = [one for one in sentences(text) if one.start < place.end and place.start < one.end]
    return Place(touched[0].start, touched[-1].end) if touched else place


def nearest_sentence(text: str, meant: str) -> str:
    """The sentence that is most like what is meant, the first of equals."""
    best = max(
        sentences(text),
        key=lambda one: likeness(text[one.start : one.end], meant),
        default=Place(0, len(text)),
    )
    return text[best.start : best.end]


def likeness(text: str, meant: str) -> float:
    """F1 of their different words, in [0, 1]."""
    said, wanted = set(words(text)), set(words(meant))
    return 2 * len(wanted & said) / (len(wanted) + len(said)) if wanted and said else 0.0
