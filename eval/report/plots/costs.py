"""Quality against what an answer takes: up and to the left is where an arm wants to be."""

from typing import Any, Literal

from eval.comparison import Arm, Comparison, Interval
from eval.report.plots.drawing import LETTER, finished, sheet
from eval.report.plots.palette import Style, styles_of
from eval.report.plots.rows import axis_name, scale_of
from eval.report.plots.spreading import spread_out
from eval.report.plots.svg import Drawing
from eval.report.references import figure_of
from eval.report.sentences.phrases import leading_facts
from eval.report.wording import amount, money, seconds, shortened

SMALL = (410.0, 310.0)
"""Pixels of a plot that stands beside another."""
Against = Literal["seconds", "money"]


def draw_cost(comparison: Comparison, key: str, against: Against) -> str | None:
    """The leading measure against seconds (to p95) or money; `None` where fewer than two arms have both."""
    facts = leading_facts(comparison)
    points = [
        (arm, price, figure.estimate)
        for arm in comparison.arms
        if (figure := figure_of(arm, comparison.leading)) is not None
        and figure.estimate is not None
        and (price := _price(arm, against)) is not None
    ]
    if len(points) < 2:
        return None
    factor, styles = scale_of(facts.unit), styles_of(comparison.arms)
    with sheet(*SMALL) as (figure, axes):
        for arm, price, estimate in points:
            _draw(axes, arm, price, estimate, against, factor, styles[arm.name])
        furthest = max(arm.cost.seconds_p95 if against == "seconds" else price for arm, price, _ in points)
        axes.set_xlim(0, furthest * 1.3 or 1.0)
        axes.margins(y=0.12)
        _label(axes, points, factor, styles)
        axes.locator_params(nbins=5)
        axes.set_xlabel(
            "seconds an answer: median, line to p95" if against == "seconds" else "money of 1,000 answers"
        )
        axes.set_ylabel(axis_name(facts).partition(",")[0])
        shown = seconds if against == "seconds" else money
        told = "; ".join(
            f"{arm.name} {amount(one.mean, facts.unit)} at {shown(price)}" for arm, price, one in points
        )
        return finished(figure, key, Drawing(f"{facts.title} against {against}", f"{told}."))


def _price(arm: Arm, against: Against) -> float | None:
    return arm.cost.seconds_p50 if against == "seconds" else arm.cost.money_per_1000


def _draw(
    axes: Any, arm: Arm, price: float, estimate: Interval, against: Against, factor: float, style: Style
) -> None:
    low, mean, high = (factor * one for one in (estimate.low, estimate.mean, estimate.high))
    axes.plot([price, price], [low, high], color=style.colour, linewidth=2, solid_capstyle="round", zorder=3)
    if against == "seconds":
        axes.plot(
            [price, arm.cost.seconds_p95], [mean, mean], color=style.colour, linewidth=1, alpha=0.55, zorder=2
        )
    size = 11 if style.marker == "*" else 8
    axes.plot([price], [mean], style.marker, color=style.colour, markersize=size, markeredgewidth=0, zorder=4)


def _label(
    axes: Any, points: list[tuple[Arm, float, Interval]], factor: float, styles: dict[str, Style]
) -> None:
    bottom, top = axes.get_ylim()
    a_letter = (top - bottom) / (SMALL[1] - 60) * LETTER
    wanted = [factor * one.mean + 0.75 * a_letter for _, _, one in points]
    for (arm, price, _), place in zip(points, spread_out(wanted, 1.15 * a_letter, bottom, top), strict=True):
        axes.annotate(
            shortened(arm.name, 14),
            (price, place),
            xytext=(7, 0),
            textcoords="offset points",
            color=styles[arm.name].colour,
            va="center",
            fontsize=LETTER,
            fontweight="bold",
        )
