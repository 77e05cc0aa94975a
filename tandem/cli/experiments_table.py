"""An experiment in the terminal."""

from collections.abc import Iterable
from math import ceil

from rich.markup import escape
from rich.table import Table

from tandem.cli.output import stdout
from tandem.experiments import ExperimentBody, Result, ShadowPairBody
from tandem.experiments.results import Comparison, Interval
from tandem.store import GuardrailMetric, Metric

_LONGEST = 600


def print_experiment(body: ExperimentBody) -> None:
    """What it is, and what it has shown, if that was asked for."""
    champion = body.champion or "the champion at the start"
    stdout.print(escape(f"{body.name}  {body.state.value}  {body.mode}, by {body.unit}, against {champion}"))
    for one in body.challengers:
        grows = f", to grow to {one.final:.2%}" if one.share < one.final else ""
        stdout.print(escape(f"{one.arm:<14}  {one.recipe}  {one.share:.2%}{grows}"))
    if body.why:
        winner = f"; winner: {body.winner}" if body.winner else ""
        stdout.print(escape(f"{body.why}{winner}"))
    if body.promoted_at is not None:
        stdout.print(f"promoted {body.promoted_at:%Y-%m-%d %H:%M}")
    if body.promotion_fault:
        stdout.print(escape(f"not promoted: {body.promotion_fault}"))
    if body.result is not None and body.started_at is not None:
        _print_result(body, body.result)


def print_pairs(pairs: Iterable[ShadowPairBody]) -> None:
    """Both answers to each question, side by side."""
    for pair in pairs:
        alike = "" if pair.agreement is None else f"  agreement {pair.agreement:.2f}"
        stdout.print(escape(f"{pair.trace_id}  {pair.at:%Y-%m-%d %H:%M}{alike}"))
        stdout.print(escape(f"  {pair.question if pair.question is not None else '(kept no longer)'}"))
        table = Table("champion", escape(pair.arm), expand=True)
        table.add_row(*(escape(_cut(text)) for text in (pair.shown, pair.shadow)))
        table.add_row(
            f"{pair.shown_outcome}, {pair.shown_ms:,.0f} ms",
            f"{pair.shadow_outcome}, {pair.shadow_ms:,.0f} ms",
        )
        stdout.print(table)


def _print_result(body: ExperimentBody, result: Result) -> None:
    kinds = ", ".join(f"{count:,} {kind}s" for kind, count in sorted(result.kinds.items()))
    stdout.print(escape(f"units  {kinds or 'none yet'}"))
    metrics = [metric for metric in Metric if any(one.means.get(metric) is not None for one in result.arms)]
    table = Table("arm", "share", "units", "answers", *(metric.value for metric in metrics))
    for one in result.arms:
        figures = [f"{one.share:.2%}", f"{one.units:,}", f"{one.answers:,}"]
        table.add_row(one.arm, *figures, *(_number(one.means.get(metric)) for metric in metrics))
    stdout.print(table)
    for one in result.arms:
        if one.unserved:
            stdout.print(
                f"{one.unserved:,} answers of {one.arm} came from the champion: it could not be asked"
            )
    if result.comparisons:
        _print_comparisons(body, result.comparisons)
    if result.guardrails:
        guards = Table("guardrail", "arm", "limit", "units", "seen", "p", "")
        for guard in result.guardrails:
            late = guard.metric is GuardrailMetric.P95_LATENCY
            limit = f"{guard.limit:,.0f} ms" if late else f"{guard.limit:.1%}"
            seen = "" if guard.share is None else f"{guard.share:.1%}" + (" slower" if late else "")
            state = "broken" if guard.broken else "holds"
            guards.add_row(
                guard.metric.value, guard.arm, limit, f"{guard.units:,}", seen, f"{guard.p:.3f}", state
            )
        stdout.print(guards)
    if result.pairs:
        _print_paired(body, result)


def _print_comparisons(body: ExperimentBody, comparisons: Iterable[Comparison]) -> None:
    better = f"{body.direction} is better, {_number(body.smallest)} matters"
    table = Table(f"{body.metric.value} ({better})", "difference", "95% at any time", "p", "", "still needed")
    for one in comparisons:
        standing = one.standing.value
        needed = "" if one.needed is None else f"{one.needed:,} units in all"
        if one.days_left is not None and one.standing.value == "open":
            needed += f", {ceil(one.days_left)} days"
        table.add_row(
            one.arm, _number(one.effect.estimate), _ends(one.effect), f"{one.effect.p:.3f}", standing, needed
        )
    stdout.print(table)


def _print_paired(body: ExperimentBody, result: Result) -> None:
    for challenger in body.challengers:
        table = Table(challenger.arm, "pairs", "champion", "challenger", "difference", "95% at any time")
        for one in result.pairs:
            if one.arm == challenger.arm:
                alike = one.figure == "agreement"
                table.add_row(
                    one.figure,
                    f"{one.pairs:,}",
                    "" if alike else _number(one.champion),
                    _number(one.challenger),
                    "" if alike else _number(one.difference),
                    _between(one.low, one.high),
                )
        stdout.print(table)
    if body.dropped:
        stdout.print(f"{body.dropped:,} shadow answers were not made: there were too many to make")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"


def _ends(effect: Interval) -> str:
    return _between(effect.low, effect.high)


def _between(low: float | None, high: float | None) -> str:
    return "not yet" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _cut(text: str | None) -> str:
    if text is None:
        return "(kept no longer)"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
