"""Rows of dots with intervals: the frame that the plots of quality, differences and slices share."""

from collections.abc import Sequence
from typing import Any

from eval.comparison import MeasureFacts
from eval.measure import Unit
from eval.report.plots.drawing import LETTER
from eval.report.plots.palette import INK, SOFT_INK, SURFACE
from eval.report.wording import shortened

WIDE, NARROW = 860.0, 350.0
"""Pixels: one drawing for a desk, one for a phone."""
ROW = 29.0
FRAME = 54.0
"""What the axis below takes."""


def scale_of(unit: Unit) -> float:
    """What a value is multiplied by before it is drawn."""
    return 100.0 if unit in ("share", "score") else 1.0


def axis_name(facts: MeasureFacts) -> str:
    """The measure with its unit, and which end is better."""
    unit = {"share": "%", "score": "of 100", "seconds": "s", "tokens": "tokens", "count": ""}[facts.unit]
    end = {"higher": ", higher is better", "lower": ", lower is better", "neither": ""}[facts.better]
    return f"{facts.title}{f' ({unit})' if unit else ''}{end}"


def lay_rows(axes: Any, labels: Sequence[str], *, narrow: bool) -> None:
    """Label rows 0, 1, ... from the top down; each lies at its number."""
    axes.set_yticks(range(len(labels)), [shortened(one, 21 if narrow else 41) for one in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.locator_params(axis="x", nbins=4 if narrow else 7)


def draw_interval(axes: Any, row: float, low: float, mean: float, high: float, **look: Any) -> None:
    """One dot with the line of its interval; `look` has `colour`, `marker`, `filled`."""
    colour, marker = look["colour"], look.get("marker", "o")
    axes.plot([low, high], [row, row], color=colour, linewidth=2.0, solid_capstyle="round", zorder=3)
    axes.plot(
        [mean],
        [row],
        marker,
        markersize=11 if marker == "*" else 8,
        color=colour,
        markerfacecolor=colour if look.get("filled", True) else SURFACE,
        markeredgecolor=colour,
        markeredgewidth=1.5,
        zorder=4,
    )


def write_beside(axes: Any, row: float, text: str) -> None:
    """The figures of a row in words, at the right of the axes."""
    axes.annotate(
        text,
        (1.0, row),
        xycoords=("axes fraction", "data"),
        xytext=(12, 0),
        textcoords="offset points",
        va="center",
        ha="left",
        color=SOFT_INK,
        fontsize=LETTER,
        annotation_clip=False,
    )
