"""Differences of arms as a forest plot: an interval that keeps clear of zero is a difference that was seen."""

from collections.abc import Sequence

from eval.comparison import Comparison, Difference
from eval.report.plots.drawing import finished, sheet
from eval.report.plots.palette import ACCENT, EDGE, FAULT, SUNKEN
from eval.report.plots.rows import FRAME, NARROW, ROW, WIDE, draw_interval, lay_rows, scale_of, write_beside
from eval.report.plots.svg import Drawing
from eval.report.sentences.phrases import leading_facts
from eval.report.wording import MINUS, change, shortened, spread

_COLOURS = {"better": ACCENT, "worse": FAULT}


def draw_differences(
    comparison: Comparison, differences: Sequence[Difference], key: str, *, narrow: bool
) -> str | None:
    """The differences of the leading measure, in their order; `None` for none.

    The pale bar of a row reaches to the smallest difference that so many questions show: what lies within it may be
    there, unseen.
    """
    if not differences:
        return None
    facts = leading_facts(comparison)
    factor = scale_of(facts.unit)
    with sheet(NARROW if narrow else WIDE, FRAME + ROW * len(differences)) as (figure, axes):
        most = 9 if narrow else 19
        names = [f"{shortened(one.one, most)} {MINUS} {shortened(one.other, most)}" for one in differences]
        lay_rows(axes, names, narrow=narrow)
        reach = factor * max(max(abs(one.estimate.low), abs(one.estimate.high)) for one in differences)
        for row, one in enumerate(differences):
            detectable = min(factor * one.detectable, 10 * reach)
            axes.barh(row, 2 * detectable, left=-detectable, height=0.72, color=SUNKEN, zorder=1)
            low, mean, high = (
                factor * each for each in (one.estimate.low, one.estimate.mean, one.estimate.high)
            )
            colour = _COLOURS.get(one.verdict, EDGE)
            draw_interval(axes, row, low, mean, high, colour=colour, filled=one.verdict in _COLOURS)
            text = change(one.estimate.mean, facts.unit)
            write_beside(axes, row, text if narrow else f"{text}  ({spread(one.estimate, facts.unit)})")
        ends = [factor * each for one in differences for each in (one.estimate.low, one.estimate.high)]
        room = 0.06 * (max(*ends, 0.0) - min(*ends, 0.0)) or 1.0
        axes.set_xlim(min(*ends, 0.0) - room, max(*ends, 0.0) + room)
        axes.axvline(0, color=EDGE, linewidth=1.2, zorder=2)
        word = "points of " if factor == 100 else ""
        axes.set_xlabel(f"{word}{facts.title}" + ("" if narrow else ", the first arm less the second"))
        told = "; ".join(
            f"{one.one} less {one.other} {change(one.estimate.mean, facts.unit)} "
            f"({spread(one.estimate, facts.unit)}), {one.verdict}"
            for one in differences
        )
        return finished(figure, key, Drawing(f"Differences in {facts.title}", f"With 95% intervals: {told}."))
