"""Curves of arms: the risk of what is answered by how much is answered, and what a training learned."""

from collections.abc import Sequence
from typing import Any

from eval.comparison import Comparison, CurvePoint
from eval.report.plots.costs import SMALL
from eval.report.plots.drawing import LETTER, finished, sheet
from eval.report.plots.palette import Style, styles_of
from eval.report.plots.spreading import spread_out
from eval.report.plots.svg import Drawing
from eval.report.wording import joined, shortened

Curve = tuple[str, Style, Sequence[CurvePoint]]


def draw_risk(comparison: Comparison, key: str) -> str | None:
    """Share of wrong answers among those given, by the share that is given, surest first; `None` without a curve."""
    styles = styles_of(comparison.arms)
    curves = [(arm.name, styles[arm.name], arm.risk_coverage) for arm in comparison.arms if arm.risk_coverage]
    if not curves:
        return None
    with sheet(*SMALL) as (figure, axes):
        _draw(axes, curves, 100.0, 100.0)
        axes.set_xlim(0, 102)
        axes.set_ylim(0, 102)
        _label(axes, curves, 100.0, 100.0)
        axes.set_xlabel("coverage: questions answered (%)")
        axes.set_ylabel("risk: of those, wrong (%)")
        told = "; ".join(f"{name} {_end(points, 100)}" for name, _, points in curves)
        words = f"Risk at the largest coverage: {told}."
        return finished(figure, key, Drawing("Risk against coverage", words))


def draw_learning(comparison: Comparison, key: str) -> str | None:
    """Loss on validation by step; arms with the same adapter share a line. `None` where nothing was trained."""
    styles = styles_of(comparison.arms)
    shared: dict[tuple[CurvePoint, ...], list[str]] = {}
    for arm in comparison.arms:
        if arm.learning_curve:
            shared.setdefault(arm.learning_curve, []).append(arm.name)
    curves = [(joined(names), styles[names[0]], points) for points, names in shared.items()]
    if not curves:
        return None
    with sheet(*SMALL) as (figure, axes):
        _draw(axes, curves, 1.0, 1.0, marked=True)
        axes.set_ylim(0, 1.08 * max(point.y for _, _, points in curves for point in points) or 1.0)
        _label(axes, curves, 1.0, 1.0, within=True)
        axes.set_xlabel("step of the training")
        axes.set_ylabel("loss on validation")
        told = "; ".join(f"{name}: {points[0].y:.2f} to {_end(points, 1)}" for name, _, points in curves)
        return finished(figure, key, Drawing("Learning curve", f"Loss, first to last: {told}."))


def _draw(axes: Any, curves: Sequence[Curve], across: float, up: float, *, marked: bool = False) -> None:
    for _, style, points in curves:
        axes.plot(
            [across * point.x for point in points],
            [up * point.y for point in points],
            marker=style.marker if marked or len(points) == 1 else None,
            markersize=6,
            color=style.colour,
            zorder=3,
        )
    axes.locator_params(nbins=5)


def _label(axes: Any, curves: Sequence[Curve], across: float, up: float, *, within: bool = False) -> None:
    """At the right of each line's end, or `within` the axes above it; moved apart where the ends lie close."""
    bottom, top = axes.get_ylim()
    a_letter = (top - bottom) / (SMALL[1] - 60) * LETTER
    ends = [up * points[-1].y + (a_letter if within else 0) for _, _, points in curves]
    for (name, style, points), place in zip(
        curves, spread_out(ends, 1.2 * a_letter, bottom, top), strict=True
    ):
        axes.annotate(
            shortened(name, 32 if within else 16),
            (across * points[-1].x, place),
            xytext=(0 if within else 8, 0),
            textcoords="offset points",
            va="center",
            ha="right" if within else "left",
            color=style.colour,
            fontsize=LETTER,
            fontweight="bold",
            annotation_clip=False,
        )


def _end(points: Sequence[CurvePoint], factor: float) -> str:
    return f"{factor * points[-1].y:.0f}%" if factor == 100 else f"{points[-1].y:.2f}"
