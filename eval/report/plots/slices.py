"""The leading measure of each arm by slice."""

from eval.comparison import Comparison, Interval
from eval.report.plots.drawing import finished, sheet
from eval.report.plots.palette import INK, LINE, styles_of
from eval.report.plots.rows import (
    FRAME,
    NARROW,
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
from eval.report.wording import amount, shortened, spread

_MOST = 8
_ROW = 22.0


def draw_slices(comparison: Comparison, key: str, *, narrow: bool) -> str | None:
    """The eight largest slices, in each the arms below one another; `None` where no slice has a value."""
    facts, styles = leading_facts(comparison), styles_of(comparison.arms)
    slices = _largest(comparison)
    if not slices:
        return None
    factor = scale_of(facts.unit)
    labels = [label for tag, rows in slices for label in (tag, *(name for name, _ in rows))]
    with sheet(NARROW if narrow else WIDE, FRAME + _ROW * len(labels)) as (figure, axes):
        lay_rows(axes, labels, narrow=narrow)
        place = 0
        for _, rows in slices:
            heading = axes.get_yticklabels()[place]
            heading.set(fontweight="bold", color=INK)
            if place:
                axes.axhline(place - 0.55, color=LINE, linewidth=1)
            for row, (name, one) in enumerate(rows, place + 1):
                style = styles[name]
                low, mean, high = (factor * each for each in (one.low, one.mean, one.high))
                draw_interval(axes, row, low, mean, high, colour=style.colour, marker=style.marker)
                text = amount(one.mean, facts.unit)
                write_beside(axes, row, text if narrow else f"{text}  ({spread(one, facts.unit)})")
                axes.get_yticklabels()[row].set_color(style.colour)
            place += 1 + len(rows)
        lowest = min(one.low for _, rows in slices for _, one in rows)
        axes.set_xlim(left=min(0.0, factor * lowest))
        axes.set_xlabel(axis_name(facts))
        told = "; ".join(
            f"{tag}: " + ", ".join(f"{name} {amount(one.mean, facts.unit)}" for name, one in rows)
            for tag, rows in slices
        )
        return finished(figure, key, Drawing(f"{facts.title} by slice", f"{told}."))


def _largest(comparison: Comparison) -> list[tuple[str, list[tuple[str, Interval]]]]:
    """Slices with the estimates of arms, those of most cases first."""
    sizes: dict[str, int] = {}
    for arm in comparison.arms:
        for part in arm.slices:
            sizes[part.tag] = max(part.cases, sizes.get(part.tag, 0))
    found = []
    for tag in sorted(sizes, key=lambda one: -sizes[one]):
        rows = [
            (arm.name, figure.estimate)
            for arm in comparison.arms
            if (figure := figure_of(arm, comparison.leading, tag)) is not None and figure.estimate is not None
        ]
        if rows:
            found.append((f"{shortened(tag, 24)} ({sizes[tag]:,})", rows))
    return found[:_MOST]
