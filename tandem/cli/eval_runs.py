"""What is in the store of eval runs: listed, shown, set against each other, removed."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from eval.comparing import replies_by_arm
from eval.comparison import Comparison, Difference
from eval.flips import Answered, Flip, Flips, flips_between
from eval.report.choosing import choose
from eval.report.tables import Table as Figures
from eval.report.tables import costs, summary
from eval.report.wording import shortened
from eval.running.keeping import EvalRun, EvalRuns
from eval.running.resuming import plan_of
from eval.scoring import ScoredArm, leading_of, score_arms
from tandem.cli.eval_look import Look, compared
from tandem.cli.opened import opened_store
from tandem.cli.output import print_json, stdout
from tandem.errors import InvalidRequestError
from tandem.settings import Settings
from tandem.store import Store

_MOST_SHOWN = 20
_MOST_TEXT = 300


def list_runs(settings: Settings, set_name: str | None, limit: int, *, as_json: bool) -> None:
    """Print the runs, the newest first."""
    with opened_store(settings) as store:
        runs = EvalRuns(store).list(set_name, limit)
    if as_json:
        print_json([run_as_json(one) for one in runs])
        return
    table = Table("run", "begun", "set", "arms", "state", "replies", "failed", box=None)
    for one in runs:
        facts = one.facts
        table.add_row(
            one.id[:8],
            f"{one.created_at:%Y-%m-%d %H:%M}",
            escape(f"{facts.eval_set.name}@{facts.eval_set.number}"),
            escape(", ".join(arm.name for arm in facts.arms)),
            one.state,
            str(one.replies),
            str(one.failed),
        )
    stdout.print(table if runs else "No run yet: tandem eval run --set SET --recipe RECIPE")


def show_run(settings: Settings, ref: str, look: Look, *, as_json: bool) -> None:
    """Print the figures of a run, and what it is made of."""
    comparison = compared(settings, ref, look)
    if as_json:
        print_json(comparison.model_dump(mode="json"))
    else:
        print_comparison(comparison)


def delete_run(settings: Settings, ref: str) -> None:
    """Remove a run and its replies."""
    with opened_store(settings) as store:
        run = EvalRuns(store).get(ref)
        EvalRuns(store).delete(run.id)
    stdout.print(f"removed   run {run.id[:8]} with {run.replies} replies")


def diff_runs(settings: Settings, one: str, other: str, measure: str | None, *, as_json: bool) -> None:
    """Print which questions flipped from one arm to the other, each `RUN` or `RUN:ARM`.

    Raises `NotFoundError`, and `InvalidRequestError` where an arm is not named or the two share no question.
    """
    with opened_store(settings) as store:
        before, after = (_answered(ref, store, measure) for ref in (one, other))
        if before.scores.measure.name != after.scores.measure.name:
            after = _answered(other, store, before.scores.measure.name)
    if before.name == after.name:
        raise InvalidRequestError(
            "The two are the same", param="run", hint="tandem eval diff RUN:rag RUN:hybrid"
        )
    flips = flips_between(before, after)
    if as_json:
        print_json(_as_json(before, after, flips))
    else:
        _print_flips(before, after, flips)


def run_as_json(run: EvalRun) -> dict[str, Any]:
    """A run, with all that made it."""
    return {
        "id": run.id,
        "state": run.state,
        "created_at": run.created_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "replies": run.replies,
        "failed": run.failed,
        "facts": run.facts.model_dump(mode="json"),
    }


def print_comparison(comparison: Comparison) -> None:
    """The tables, the warnings and the recommendation."""
    part = ", partial" if comparison.partial else ""
    stdout.print(f"{escape(comparison.title)}: run {comparison.run[:8]}{part}\n")
    for figures in (summary(comparison, choose(comparison)), costs(comparison)):
        stdout.print(_rich(figures))
        stdout.print()
    for warning in comparison.warnings:
        stdout.print(f"[yellow]![/yellow] {escape(warning)}")
    for sentence in comparison.recommendation:
        stdout.print(f"- {escape(sentence.text)}")


def _rich(figures: Figures) -> Table:
    table = Table(*map(escape, figures.head), box=None)
    for row in figures.rows:
        cells = [f"{one.text}{' ' + one.mark if one.mark else ''}" for one in row.cells]
        table.add_row(escape(row.title), *map(escape, cells))
    return table


def _answered(ref: str, store: Store, measure: str | None) -> Answered:
    run_ref, _, name = ref.partition(":")
    run = EvalRuns(store).get(run_ref)
    known = [arm.name for arm in run.facts.arms]
    if not name and len(known) > 1:
        raise InvalidRequestError(
            f"The run {run.id[:8]} has several arms",
            param="run",
            hint=f"Name one: {run.id[:8]}:{known[0]}. It has {', '.join(known)}.",
        )
    arm = name or known[0]
    if arm not in known:
        raise InvalidRequestError(
            f"The run {run.id[:8]} has no arm {arm!r}", param="run", hint=f"It has {', '.join(known)}."
        )
    plan = plan_of(run.facts, store)
    said = replies_by_arm(plan, EvalRuns(store).replies(run.id).values())[arm]
    scored = score_arms(plan.cases, {arm: said})
    leading = leading_of(plan.cases, scored, measure)
    if leading is None:
        raise InvalidRequestError(
            f"{ref} has no value of {measure or 'a measure that could decide'}",
            param="measure",
            hint=f"It has {', '.join(_deciding(scored[0]))}.",
        )
    return Answered(
        f"{run.id[:8]}:{arm}",
        {case.id: case for case in plan.cases},
        {one.case: one for one in said if one.variant == "asked"},
        scored[0].scores[leading],
    )


def _deciding(arm: ScoredArm) -> list[str]:
    return [
        name
        for name, one in arm.scores.items()
        if one.values and one.measure.unit in ("share", "score") and one.measure.better != "neither"
    ]


def _as_json(before: Answered, after: Answered, flips: Flips) -> dict[str, Any]:
    return {
        "before": before.name,
        "after": after.name,
        "measure": flips.measure,
        "gained": [_flip_as_json(one) for one in flips.gained],
        "lost": [_flip_as_json(one) for one in flips.lost],
        "same": flips.same,
        "left_out": flips.left_out,
        "difference": flips.difference.model_dump(mode="json") if flips.difference else None,
    }


def _flip_as_json(flip: Flip) -> dict[str, Any]:
    return {
        "case": flip.case.id,
        "question": flip.case.question,
        "references": list(flip.case.references),
        "before": {"answer": flip.before, "score": flip.score_before},
        "after": {"answer": flip.after, "score": flip.score_after},
    }


def _print_flips(before: Answered, after: Answered, flips: Flips) -> None:
    stdout.print(
        f"{escape(flips.measure)}, from {escape(before.name)} to {escape(after.name)}: {len(flips.gained)} gained, "
        f"{len(flips.lost)} lost, {flips.same} as before, {flips.left_out} left out"
    )
    if flips.difference is not None:
        stdout.print(_difference(flips.difference))
    for word, flipped in (("gained", flips.gained), ("lost", flips.lost)):
        _print_each(word, flipped)


def _difference(one: Difference) -> str:
    held = one.estimate
    return escape(
        f"difference {100 * held.mean:+.1f} points [{100 * held.low:+.1f}, {100 * held.high:+.1f}], "
        f"p = {one.p_value:.3f}: {one.verdict}; {one.cases} questions show {100 * one.detectable:.1f} points"
    )


def _print_each(word: str, flipped: Sequence[Flip]) -> None:
    for one in flipped[:_MOST_SHOWN]:
        stdout.print(f"\n{word}  {escape(one.case.id)}  {escape(one.case.question)}")
        stdout.print(
            f"  right   {escape(shortened(' | '.join(one.case.references) or (one.case.label or ''), 120))}"
        )
        stdout.print(f"  before  {one.score_before:.2f}  {escape(shortened(one.before, _MOST_TEXT))}")
        stdout.print(f"  after   {one.score_after:.2f}  {escape(shortened(one.after, _MOST_TEXT))}")
    if len(flipped) > _MOST_SHOWN:
        stdout.print(f"\nand {len(flipped) - _MOST_SHOWN} more {word}: --json has all")
