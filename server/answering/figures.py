"""The figures that a sentence states: a wrong one is the invention that does most harm."""

import re

_DIGITS = re.compile(r"\d+(?:[.,:/]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_WORDS = re.compile(r"[^\W\d_]+")

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: str(value) for value, word in enumerate(_UNITS.split())}
_VALUES |= {word: str(10 * value) for value, word in enumerate(_TENS.split(), start=2)}
_VALUES |= {"once": "1", "twice": "2", "hundred": "100", "thousand": "1000", "million": "1000000"}
del _VALUES["one"]  # "one of them", "the one that": mostly not a figure


def figures(text: str) -> frozenset[str]:
    """All figures of the text, digits or English words, in one spelling: `fourteen` is `14`, `1,000` is `1000`.

    The parts of a compound count one by one: `twenty-one` holds `20`.
    """
    written = {_plain(match) for match in _DIGITS.findall(text)}
    spoken = {_VALUES[word] for word in map(str.lower, _WORDS.findall(text)) if word in _VALUES}
    return frozenset(written | spoken)


def _plain(number: str) -> str:
    return number.replace(",", "") if _GROUPED.fullmatch(number) else number
