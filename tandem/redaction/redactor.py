"""Finds personal data in a text and puts in its place what kind it was."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tandem.errors import SettingsError
from tandem.extras import require
from tandem.settings import TraceSettings

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

_LEAST = 0.4
"""Least score, of 1, that counts: a pattern of its own, or a weak one with a word beside it that says what it is."""
_WORD_ADDS = 0.35
_NEAR = 40
"""Characters before a find, among which such a word is looked for. Both as in Presidio's own engine, nearly."""
_PERSON = {"PERSON", "PER"}


@dataclass(frozen=True, slots=True)
class Find:
    """A piece of personal data: the half-open range of characters where it stands."""

    start: int
    end: int
    kind: str
    score: float


Finder = Callable[[str], Iterator[Find]]


class Redactor:
    """Any thread may call it. A text without anything to take out comes back as it is."""

    def __init__(self, finders: Sequence[Finder]) -> None:
        self._finders = finders

    def finds(self, text: str) -> list[Find]:
        """What is found, in order. Finds that overlap are one, of the kind of the likeliest, then the longest."""
        found = sorted(
            (find for finder in self._finders for find in finder(text)), key=lambda one: (one.start, one.end)
        )
        kept: list[Find] = []
        for find in found:
            if kept and find.start < kept[-1].end:
                kept[-1] = _joined(kept[-1], find)
            else:
                kept.append(find)
        return kept

    def redact(self, text: str) -> str:
        """The text with `[EMAIL]`, `[PHONE]` and so on in place of what is found."""
        pieces, place = [], 0
        for find in self.finds(text):
            pieces += [text[place : find.start], f"[{find.kind.upper()}]"]
            place = find.end
        return "".join([*pieces, text[place:]])


def _joined(one: Find, other: Find) -> Find:
    likelier = max((one, other), key=lambda find: (find.score, find.end - find.start))
    return replace(likelier, start=min(one.start, other.start), end=max(one.end, other.end))


def open_redactor(settings: TraceSettings) -> Redactor | None:
    """The redactor of the settings; `None` where nothing is to be taken out. Takes a second to load.

    Raises `SettingsError` where the extra, or the model that finds names, is not installed.
    """
    if not settings.redact:
        return None
    require("traces.redact", ("presidio_analyzer",), "redaction")
    from tandem.redaction.recognisers import recognisers

    finders: list[Finder] = []
    for kind in dict.fromkeys(settings.redact):
        if kind == "name":
            finders.append(_names(settings.redact_names_with))
        else:
            finders += [_by(one, kind) for one in recognisers(kind, settings.redact_regions)]
    return Redactor(finders)


def _by(recogniser: "EntityRecognizer", kind: str) -> Finder:
    entities, words = recogniser.supported_entities, _any_of(recogniser.context or ())

    def find(text: str) -> Iterator[Find]:
        # Most texts have neither, and each pattern costs its time.
        if not (("@" in text) if kind == "email" else any(char.isdigit() for char in text)):
            return
        for found in recogniser.analyze(text, entities, None):
            score = found.score
            if words is not None and words.search(text, max(0, found.start - _NEAR), found.start):
                score = min(1.0, max(_LEAST, score + _WORD_ADDS))
            if score >= _LEAST:
                yield Find(found.start, found.end, kind, score)

    return find


def _any_of(words: Iterable[str]) -> re.Pattern[str] | None:
    known = "|".join(re.escape(word.strip()) for word in words if word.strip())
    return re.compile(rf"\b(?:{known})", re.IGNORECASE) if known else None


def _names(model: str) -> Finder:
    import spacy

    try:
        # What is not asked for costs time.
        language: Any = spacy.load(model, exclude=["parser", "lemmatizer", "attribute_ruler"])
    except OSError as error:
        raise SettingsError(
            f"traces.redact names persons, but the spaCy model {model!r} is not there",
            param="traces.redact_names_with",
            hint="pip install the model's package, or name the folder of one.",
        ) from error

    def find(text: str) -> Iterator[Find]:
        for entity in language(text).ents:
            if entity.label_ in _PERSON:
                yield Find(entity.start_char, entity.end_char, "name", _LEAST)

    return find
