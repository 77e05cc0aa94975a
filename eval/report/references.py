"""Names of figures: a sentence gives them, a page has a place for each."""

import re
from hashlib import sha256

from eval.comparison import Arm, Comparison, Cost, Difference, Figure

SET = "set:cases"
"""The numbers of the eval set."""

Confusion = dict[str, dict[str, int]]
Found = Figure | Difference | Cost | Confusion | dict[str, float]


def to_figure(measure: str, arm: str, tag: str | None = None) -> str:
    """The name of one measure of one arm, over all cases or those of a tag."""
    return f"{measure}:{arm}" + (f"[{tag}]" if tag is not None else "")


def to_difference(difference: Difference) -> str:
    """The name of a difference, as it stands in the comparison."""
    tag = "" if difference.slice is None else f"[{difference.slice}]"
    return f"{difference.measure}:{difference.one}-{difference.other}{tag}"


def to_cost(arm: str) -> str:
    """The name of what the answers of an arm take and cost."""
    return f"cost:{arm}"


def to_confusion(arm: str) -> str:
    """The name of the counts by class of an arm."""
    return f"confusion:{arm}"


def anchor(reference: str) -> str:
    """The id of its place in the page: letters, digits and hyphens, unlike that of any other name."""
    words = re.sub(r"[^a-z0-9]+", "-", reference.lower()).strip("-")[:60]
    return f"{words}-{sha256(reference.encode(errors='replace')).hexdigest()[:6]}"


def catalogue(comparison: Comparison) -> dict[str, Found]:
    """Every figure of the comparison by its name."""
    found: dict[str, Found] = {SET: _numbers(comparison)}
    for arm in comparison.arms:
        found[to_cost(arm.name)] = arm.cost
        if arm.confusion:
            found[to_confusion(arm.name)] = arm.confusion
        for figure in arm.figures:
            found[to_figure(figure.measure, arm.name)] = figure
        for part in arm.slices:
            found |= {to_figure(one.measure, arm.name, part.tag): one for one in part.figures}
    for difference in comparison.differences:
        found.setdefault(to_difference(difference), difference)
    return found


def figure_of(arm: Arm, measure: str, tag: str | None = None) -> Figure | None:
    """What the arm has of the measure, over all cases or those of a tag."""
    if tag is None:
        figures = arm.figures
    else:
        figures = next((part.figures for part in arm.slices if part.tag == tag), ())
    return next((one for one in figures if one.measure == measure), None)


def mean_of(arm: Arm, measure: str, tag: str | None = None) -> float | None:
    """The mean of the measure, where there is one."""
    figure = figure_of(arm, measure, tag)
    return figure.estimate.mean if figure is not None and figure.estimate is not None else None


def _numbers(comparison: Comparison) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in comparison.eval_set.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
