"""Colours and shapes. Each colour is a property of the page's stylesheet, so that it follows light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.comparison import Arm

INK, SOFT_INK, LINE, EDGE = "#1c1e21", "#5a5e64", "#e3e0d9", "#85857f"
ACCENT, FAULT, SURFACE, SUNKEN = "#0b6b62", "#a3281e", "#ffffff", "#f3f1ec"

_ARMS = {
    "base": ("#6a6f76", "o", "●"),
    "prompted": ("#a86200", "s", "■"),
    "rag": ("#0069ad", "^", "▲"),
    "tuned": ("#a8397b", "D", "◆"),
    "hybrid": ("#0b7a5f", "*", "★"),
    "first": ("#b8430f", "v", "▼"),
    "second": ("#5b53a8", "p", "⬟"),
    "third": ("#6d7300", "X", "✖"),
}
"""By kind, after Okabe and Ito's palette, which colour-blind people tell apart; then for arms of no other kind."""
_SPARE = ("first", "second", "third")

PROPERTIES = {
    INK: "--ink", SOFT_INK: "--soft-ink", LINE: "--line", EDGE: "--edge", ACCENT: "--accent", FAULT: "--fault",
    SURFACE: "--surface", SUNKEN: "--sunken",
} | {colour: f"--arm-{name}" for name, (colour, _, _) in _ARMS.items()}  # fmt: skip
"""Name of the stylesheet's property by the colour that stands for it while drawing."""


@dataclass(frozen=True, slots=True)
class Style:
    """How an arm looks everywhere: `name` ends its class in the page, `glyph` is its shape as a letter."""

    name: str
    colour: str
    marker: str
    glyph: str


def styles_of(arms: Sequence[Arm]) -> dict[str, Style]:
    """By the name of the arm. Each kind has its own look; a second of a kind gets a spare one, in turns."""
    styles: dict[str, Style] = {}
    taken: set[str] = set()
    spared = 0
    for arm in arms:
        look = arm.kind
        if look == "other" or look in taken:
            look_name, spared = _SPARE[spared % len(_SPARE)], spared + 1
        else:
            look_name = look
        taken.add(look_name)
        styles[arm.name] = Style(look_name, *_ARMS[look_name])
    return styles
