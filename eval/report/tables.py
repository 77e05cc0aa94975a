"""Tables of a report as plain rows, for the page and for Markdown alike."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from eval.comparison import Arm, Comparison, Difference, Figure, MeasureFacts
from eval.measure import Stage
from eval.report.choosing import Choice
from eval.report.contrasts import all_facts, contrast
from eval.report.known import OUT_OF_DOMAIN, SAYS_UNKNOWN_RIGHTLY, key_measures
from eval.report.references import figure_of, to_cost, to_difference, to_figure
from eval.report.wording import (
    MINUS,
    NONE,
    amount,
    chance,
    change,
    count,
    duration,
    money,
    seconds,
    spread,
    storage,
)

BETTER, WORSE = "▲", "▼"
"""Marks of a difference that was shown."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the figure, what stands small below it, and a mark where a difference was shown."""

    text: str
    below: str = ""
    mark: str = ""
    place: str = ""
    """Name of the figure that this is the place of in the page."""
    at: str = ""
    """Name of the figure whose place it points at."""
    best: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A heading with its cells."""

    title: str
    cells: tuple[Cell, ...]
    arm: str = ""
    """The arm that the row is of, if it is of one."""
    notes: tuple[str, ...] = ()
    """What the heading unfolds to, such as a definition."""
    place: str = ""
    group: str = ""
    """Heading of the rows from here on, where it changes."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by heading, the first that of the rows' own headings."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]
    arms: tuple[str, ...] = field(default=())
    """Arms that the columns after the first are of, where they are."""


def summary(comparison: Comparison, choice: Choice | None) -> Table:
    """Arms by key measures and costs; marked where an arm is shown to differ from the one to serve."""
    measures = key_measures(comparison)
    priced = any(arm.cost.money_per_1000 is not None for arm in comparison.arms)
    rows = []
    for arm in comparison.arms:
        cells = [_summed(comparison, choice, arm, facts) for facts in measures]
        cells.append(Cell(seconds(arm.cost.seconds_p50), at=to_cost(arm.name)))
        if priced:
            cells.append(Cell(money(arm.cost.money_per_1000), at=to_cost(arm.name)))
        rows.append(Row(arm.name, tuple(cells), arm=arm.name))
    head = ("Arm", *(facts.title for facts in measures), "Seconds (median)")
    return Table((*head, "Money of 1,000") if priced else head, tuple(rows))


def stages(comparison: Comparison) -> list[tuple[Stage, Table]]:
    """Measures by arms, one table a stage; measures that no arm has a value or a failure of are left out."""
    shown = [facts for facts in all_facts(comparison) if _has_something(comparison, facts.name)]
    by_stage = [(stage, [facts for facts in shown if facts.stage == stage]) for stage in Stage]
    return [(stage, _by_arms(comparison, facts, None, placed=True)) for stage, facts in by_stage if facts]


def _has_something(comparison: Comparison, measure: str) -> bool:
    """Whether an arm has a value or a failure of it; what decides is shown in any case."""
    figures = [figure_of(arm, measure) for arm in comparison.arms]
    told = any(one is not None and (one.estimate is not None or one.failed) for one in figures)
    return told or measure == comparison.leading


def differences(comparison: Comparison, measure: str, *, sliced: bool = False) -> Table:
    """Pairs of arms on one measure, over all cases or by slice."""
    facts = next((one for one in comparison.measures if one.name == measure), None)
    held = [
        one for one in comparison.differences if one.measure == measure and (one.slice is not None) == sliced
    ]
    head = ("Difference", "Points", "p", "p adjusted", "Seen from", "Questions", "Verdict of the first")
    if facts is None or facts.unit not in ("share", "score"):
        head = ("Difference", "By", *head[2:])
    return Table(head, tuple(_differing(one, facts) for one in held))


def costs(comparison: Comparison) -> Table:
    """What answers of each arm take and cost."""
    head = (
        "Arm", "Median", "p95", "First token", "First token, p95", "Tokens read", "Tokens written", "Tokens/s",
        "Money of 1,000", "Training", "Storage", "Set-up",
    )  # fmt: skip
    return Table(head, tuple(_costing(arm) for arm in comparison.arms))


def slices(comparison: Comparison) -> Table | None:
    """Tags by arms and the key measures that slices have; `None` where there are none."""
    known = _tags(comparison)
    measures = _of_slices(comparison, tuple(known), key=True)
    if not measures:
        return None
    rows = []
    for tag, cases in known.items():
        with_it = [arm for arm in comparison.arms if any(part.tag == tag for part in arm.slices)]
        for n, arm in enumerate(with_it):
            cells = tuple(_cell(figure_of(arm, facts.name, tag), facts, arm, tag, True) for facts in measures)
            rows.append(Row(arm.name, cells, arm=arm.name, group="" if n else f"{tag}: {cases:,} questions"))
    return Table(("Slice", *(facts.title for facts in measures)), tuple(rows))


def other_slices(comparison: Comparison) -> list[tuple[str, Table]]:
    """The other measures of each tag, by arms."""
    made = []
    for tag, cases in _tags(comparison).items():
        if measures := _of_slices(comparison, (tag,), key=False):
            made.append((f"{tag}: {cases:,} questions", _by_arms(comparison, measures, tag, placed=True)))
    return made


def out_of_domain(comparison: Comparison) -> Table | None:
    """All measures of the questions that the corpus is not about, by arms; `None` where there are none."""
    tag = next((one for one in OUT_OF_DOMAIN if one in _tags(comparison)), None)
    if tag is None:
        return None
    measures = [*_of_slices(comparison, (tag,), key=True), *_of_slices(comparison, (tag,), key=False)]
    return _by_arms(comparison, measures, tag, placed=False)


def _tags(comparison: Comparison) -> dict[str, int]:
    return {part.tag: part.cases for arm in comparison.arms for part in arm.slices}


def _of_slices(comparison: Comparison, tags: tuple[str, ...], *, key: bool) -> list[MeasureFacts]:
    """Measures that slices of these tags have: key ones, or the others."""
    parts = [part for arm in comparison.arms for part in arm.slices if part.tag in tags]
    names = {one.measure for part in parts for one in part.figures}
    shown = {one.name for one in key_measures(comparison)} | {SAYS_UNKNOWN_RIGHTLY, comparison.leading}
    return [facts for facts in all_facts(comparison) if facts.name in names and (facts.name in shown) == key]


def _by_arms(comparison: Comparison, measures: list[MeasureFacts], tag: str | None, *, placed: bool) -> Table:
    names = tuple(arm.name for arm in comparison.arms)
    rows = tuple(_measured(comparison, facts, tag, placed=placed) for facts in measures)
    return Table(("Measure", *names), rows, arms=names)


def _summed(comparison: Comparison, choice: Choice | None, arm: Arm, facts: MeasureFacts) -> Cell:
    figure = figure_of(arm, facts.name)
    if figure is None or figure.estimate is None:
        return Cell(NONE)
    mark = ""
    if choice is not None and arm is not choice.serve:
        held = contrast(comparison, facts.name, arm, choice.serve)
        mark = {"better": BETTER, "worse": WORSE}.get(held.difference.verdict, "") if held is not None else ""
    text, below = amount(figure.estimate.mean, facts.unit), spread(figure.estimate, facts.unit)
    return Cell(text, below, mark, at=to_figure(facts.name, arm.name))


def _measured(
    comparison: Comparison, facts: MeasureFacts, tag: str | None = None, *, placed: bool = True
) -> Row:
    figures = [(arm, figure_of(arm, facts.name, tag)) for arm in comparison.arms]
    means = [one.estimate.mean for _, one in figures if one is not None and one.estimate is not None]
    best = None
    if facts.better != "neither" and len(set(means)) > 1:
        best = max(means) if facts.better == "higher" else min(means)
    cells = tuple(_cell(one, facts, arm, tag, placed, best) for arm, one in figures)
    return Row(facts.title, cells, notes=tuple(_notes(facts, [one for _, one in figures if one is not None])))


def _notes(facts: MeasureFacts, figures: list[Figure]) -> Iterator[str]:
    yield facts.definition
    better = {"higher": "Higher is better.", "lower": "Lower is better.", "neither": "Neither end is better."}
    yield better[facts.better]
    if facts.ragas is not None:
        yield f"By Ragas: {facts.ragas}."
    cases = sorted({one.cases for one in figures if one.estimate is not None})
    if cases:
        yield f"Cases with a value: {count(cases[0])}" + (
            f" to {count(cases[-1])}." if len(cases) > 1 else "."
        )


def _cell(
    figure: Figure | None,
    facts: MeasureFacts,
    arm: Arm,
    tag: str | None,
    placed: bool,
    best: float | None = None,
) -> Cell:
    if figure is None:
        return Cell(NONE)
    place = to_figure(facts.name, arm.name, tag) if placed else ""
    failed = f"{count(figure.failed)} failed" if figure.failed else ""
    if figure.bounds is not None:
        low, high = (amount(one, facts.unit) for one in figure.bounds)
        failed += f": {low} to {high}"
    if figure.estimate is None:
        return Cell(NONE, failed, place=place)
    below = spread(figure.estimate, facts.unit) + (f"; {failed}" if failed else "")
    return Cell(
        amount(figure.estimate.mean, facts.unit), below, place=place, best=figure.estimate.mean == best
    )


def _differing(one: Difference, facts: MeasureFacts | None) -> Row:
    unit = facts.unit if facts is not None else "score"
    mark = {"better": BETTER, "worse": WORSE}.get(one.verdict, "")
    verdict = f"{one.verdict} (failed cases could turn it)" if one.doubtful else one.verdict
    told = f"{count(one.cases)}" + (f" of {count(one.cases + one.failed)}" if one.failed else "")
    groups = (
        f"in {count(one.clusters)} groups" if one.clusters is not None and one.clusters < one.cases else ""
    )
    cells = (
        Cell(change(one.estimate.mean, unit), spread(one.estimate, unit)),
        Cell(chance(one.p_value)),
        Cell(chance(one.p_adjusted)),
        Cell(amount(one.detectable, unit).removesuffix("%")),
        Cell(told, groups),
        Cell(verdict, mark=mark),
    )
    title = f"{one.one} {MINUS} {one.other}"
    return Row(title if one.slice is None else f"{one.slice}: {title}", cells, place=to_difference(one))


def _costing(arm: Arm) -> Row:
    cost = arm.cost
    cells = (
        seconds(cost.seconds_p50), seconds(cost.seconds_p95), amount(cost.first_token_s_p50, "seconds"),
        amount(cost.first_token_s_p95, "seconds"), count(cost.tokens_in), count(cost.tokens_out),
        f"{cost.tokens_per_s:,.1f}", money(cost.money_per_1000), duration(cost.training_s),
        storage(cost.storage_bytes), duration(cost.set_up_s),
    )  # fmt: skip
    return Row(arm.name, tuple(Cell(text) for text in cells), arm=arm.name, place=to_cost(arm.name))
