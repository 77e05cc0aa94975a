import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.answering.wording import place_of
from tandem.vocabulary import Span

_BETWEEN = r"\W+(?:\[\d[\d,\s–-]*\]\W*)*"
_LACKING = r"-(?:deficient|free|less|naive|negative|proof|resistant)\b"
_PIECES = st.sampled_from(
    ["sugar", "free", "less", "Toxic", "non", "1", "2", "12", " ", " ", " ", "-", "[", "]", "[1]", " [1, 2] ", ".", "–", "\n", "Ä"]
)  # fmt: skip


def _by_pattern(sentence: str, passage: str) -> Span | None:
    """The definition: one pattern of all words of the sentence."""
    words = re.findall(r"\w+", sentence)
    if not words:
        return None
    found = re.search(rf"(?<![\w-]){_BETWEEN.join(words)}(?!\w|{_LACKING})", passage, re.IGNORECASE)
    return Span(*found.span()) if found else None


@settings(max_examples=3_000, deadline=None)
@given(st.lists(_PIECES, max_size=6), st.lists(_PIECES, max_size=24))
def test_it_finds_what_one_pattern_of_all_words_finds(sentence: list[str], passage: list[str]) -> None:
    said, text = "".join(sentence), "".join(passage)
    assert place_of(said, text) == _by_pattern(said, text)


@pytest.mark.parametrize(
    ("sentence", "passage", "found"),
    [
        ("the gate closes", "At night The gate, closes.", "The gate, closes"),
        ("It grew fast", "It grew [3, 4] [5] fast.", "It grew [3, 4] [5] fast"),
        ("toxic", "It is non-toxic.", None),
        ("sugar", "sugar-free, then sugar", "sugar"),
        ("gate", "gates", None),
    ],
)
def test_marks_and_case_do_not_count_but_words_do(sentence: str, passage: str, found: str | None) -> None:
    place = place_of(sentence, passage)
    assert (passage[place.start : place.end] if place else None) == found
