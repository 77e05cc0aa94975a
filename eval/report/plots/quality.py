"""The leading measure of each arm, with its interval."""

from eval.comparison import Comparison
from eval.report.choosing import ranking
from eval.report.plots.drawing import finished, sheet
from eval.report.plots.palette import styles_of
from eval.report.plots.rows import (
    FRAME,
    NARROW,
    ROW,
    WIDE,
    axis_name,
    draw_interval,
    lay_rows,
    scale_of,
    write_beside,
)
from eval.report.plots.svg import Drawing
from eval.report.references import figure_of
from eval.report.sentences.phrases import leading_facts
from eval.report.wording import amount, spread


def draw_quality(comparison: Comparison, key: str, *, narrow: bool) -> str | None:
    """The best arm at the top; `None` where no arm has a value."""
    facts, styles = leading_facts(comparison), styles_of(comparison.arms)
    rows = [
        (arm, figure.estimate)
        for arm in ranking(comparison)
        if (figure := figure_of(arm, comparison.leading)) is not None and figure.estimate is not None
    ]
    if not rows:
        return None
    factor = scale_of(facts.unit)
    with sheet(NARROW if narrow else WIDE, FRAME + ROW * len(rows)) as (figure, axes):
        lay_rows(axes, [arm.name for arm, _ in rows], narrow=narrow)
        for row, (arm, estimate) in enumerate(rows):
            style = styles[arm.name]
            low, mean, high = (factor * one for one in (estimate.low, estimate.mean, estimate.high))
            draw_interval(axes, row, low, mean, high, colour=style.colour, marker=style.marker)
            text = amount(estimate.mean, facts.unit)
            write_beside(axes, row, text if narrow else f"{text}  ({spread(estimate, facts.unit)})")
        axes.set_xlim(left=min(0.0, factor * min(estimate.low for _, estimate in rows)))
        axes.set_xlabel(axis_name(facts))
        told = "; ".join(
            f"{arm.name} {amount(one.mean, facts.unit)} ({spread(one, facts.unit)})" for arm, one in rows
        )
        return finished(figure, key, Drawing(f"{facts.title} by arm", f"Means with 95% intervals: {told}."))
