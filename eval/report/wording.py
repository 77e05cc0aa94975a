"""Numbers as a reader meets them: the same figure reads the same in a sentence, a table and a plot."""

import math
import re
from datetime import UTC, datetime
from typing import Any

from eval.comparison import Comparison, Interval
from eval.measure import Unit

MINUS = "\u2212"
NONE = "\u2013"
"""Stands where there is no figure."""

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def clean(text: str) -> str:
    """The text without control characters and orders to change the direction, which no page may hold."""
    return _UNSEEN.sub("\ufffd", text.replace("\r\n", "\n"))


def cleaned(comparison: Comparison) -> Comparison:
    """The comparison with every text of it clean, names too."""
    return Comparison.model_validate(_cleaned(comparison.model_dump()))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value


def amount(value: float | None, unit: Unit) -> str:
    """One figure with its unit. A share is in per cent, a score in points of 100."""
    if value is None or not math.isfinite(value):
        return NONE
    if unit == "seconds":
        return seconds(value)
    return _signed(value, unit) + ("%" if unit == "share" else "")


def change(value: float, unit: Unit) -> str:
    """A difference, with its sign, in points where the figures are shares or scores."""
    if not math.isfinite(value):
        return NONE
    number = _bare(value, unit)
    sign = "" if number.startswith(MINUS) or not number.strip("0.,") else "+"
    return sign + number


def spread(interval: Interval, unit: Unit) -> str:
    """The ends of an interval, without a unit, such as `37.1 to 45.3`."""
    return f"{_bare(interval.low, unit)} to {_bare(interval.high, unit)}"


def size(value: float, unit: Unit) -> str:
    """How large a difference is, with the word for its unit and without its sign."""
    number = _bare(abs(value), unit)
    word = {"share": "points", "score": "points", "seconds": "s", "tokens": "tokens", "count": ""}[unit]
    if word == "points" and number == "1.0":
        word = "point"
    return f"{number} {word}".strip()


def seconds(value: float) -> str:
    """A time that somebody waits."""
    return f"{_seconds(value)} s"


def duration(value: float | None) -> str:
    """A time that a machine works: seconds, minutes or hours."""
    if value is None or not math.isfinite(value):
        return NONE
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def storage(value: int | None) -> str:
    """Bytes in units of a thousand."""
    if value is None:
        return NONE
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= least:
            return f"{value / least:.1f} {unit}"
    return f"{value} bytes"


def money(value: float | None) -> str:
    """An amount in the currency of its basis, with at least two figures that say something."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0 or value >= 0.1:
        return f"{value:,.2f}" if value < 1_000 else f"{value:,.0f}"
    return f"{value:.{1 - math.floor(math.log10(value))}f}"


def count(value: float) -> str:
    """A whole number, with commas."""
    return f"{value:,.0f}"


def chance(p: float) -> str:
    """A p-value."""
    if not math.isfinite(p):
        return NONE
    return "<\u00a00.001" if p < 0.001 else f"{p:.3f}"


def day(created: str) -> str:
    """A time of ISO 8601 for people, such as `28 November 2026, 10:40 UTC`; as it is where it is none."""
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return created
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return f"{when.day} {_MONTHS[when.month - 1]} {when:%Y, %H:%M} UTC"


def joined(words: list[str] | tuple[str, ...]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def shortened(text: str, most: int) -> str:
    """At most so many characters, the last a dash of dots where some were cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"


def _bare(value: float, unit: Unit) -> str:
    if unit == "seconds":
        return ("" if value >= 0 else MINUS) + _seconds(abs(value))
    return _signed(value, unit)


def _signed(value: float, unit: Unit) -> str:
    if not math.isfinite(value):
        return NONE
    if unit in ("share", "score"):
        text = f"{100 * value:.1f}"
    elif unit == "tokens":
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"
    text = text.removeprefix("-") if not text.strip("-0.,") else text
    return text.replace("-", MINUS)


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
