"""`tandem eval judge`: whether the judge may be believed, by answers that people have judged."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from eval.comparison import Interval
from eval.judging.agreement import VERDICTS
from eval.judging.figures import Agreement, JudgeFigures
from eval.judging.judge import open_judge
from eval.judging.judging import AGAIN, MEASURES, judge_the_judge
from eval.judging.labelled import LabelledCase, bundled_cases, groups_of, read_labelled
from eval.judging.trust import JudgeTrust, keep_figures, trust_of
from tandem.cli.bar import Bar
from tandem.cli.output import print_json, progress, stderr, stdout
from tandem.embedding import load_embedder
from tandem.errors import InvalidRequestError
from tandem.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks for."""

    labels: tuple[Path, ...] = ()
    only: bool = False
    model: str | None = None
    address: str | None = None
    measures: tuple[str, ...] = MEASURES
    limit: int | None = None
    again: int = AGAIN
    fresh: bool = False


def measure_judge(settings: Settings, wanted: Wanted, *, as_json: bool) -> None:
    """Ask the judge, keep what was measured, and print it with what follows from it.

    Raises `InvalidRequestError` for what is asked for, `UnavailableError` where the judge is not there at the
    start, and `StorageError`. A judge that goes away later leaves partial figures.
    """
    for each in wanted.measures:
        if each not in VERDICTS:
            raise InvalidRequestError(
                f"{each!r} is compared to no label",
                param="measures",
                hint=f"There are {', '.join(VERDICTS)}.",
            )
    cases, name = _cases(wanted)
    figures = _measured(settings, cases, name, wanted, quiet=as_json or not stderr.is_terminal)
    file = keep_figures(figures, settings.data_dir)
    trust = trust_of(figures.judge, settings)
    if as_json:
        print_json(figures.model_dump() | {"trusted": trust.trusted, "faults": list(trust.faults)})
        return
    print_figures(figures, trust)
    stdout.print(f"\nwritten   {escape(str(file))}")


def _cases(wanted: Wanted) -> tuple[list[LabelledCase], str]:
    """The cases and what to call them."""
    if wanted.only and not wanted.labels:
        raise InvalidRequestError("--only needs --labels", param="only")
    cases = [] if wanted.only else bundled_cases()
    for file in wanted.labels:
        cases.extend(read_labelled(file))
    id_, times = Counter(case.id for case in cases).most_common(1)[0]
    if times > 1:
        raise InvalidRequestError(f"The id {id_} is there twice", param="labels")
    groups = groups_of(cases)
    name = " + ".join(([] if wanted.only else ["bundled"]) + [file.name for file in wanted.labels])
    if wanted.limit is not None and wanted.limit < len(groups):
        return [
            case for group in groups[: wanted.limit] for case in group
        ], f"{name}, the first {wanted.limit}"
    return cases, name


def _measured(
    settings: Settings, cases: Sequence[LabelledCase], name: str, wanted: Wanted, *, quiet: bool
) -> JudgeFigures:
    with ExitStack() as stack:
        embedder = None
        if "answer_relevancy" in wanted.measures:
            progress("Loading the embedder")
            embedder = load_embedder(settings.embedding, settings.data_dir)
            stack.callback(embedder.close)
        bar = stack.enter_context(Bar("Verdicts", hidden=quiet, unit="verdicts"))

        async def run() -> JudgeFigures:
            judge = open_judge(settings, address=wanted.address, model=wanted.model)
            try:
                return await judge_the_judge(
                    judge,
                    cases,
                    embedder,
                    wanted.measures,
                    name,
                    wanted.again,
                    f"{time.time():.0f}:" if wanted.fresh else "",
                    lambda _, done, total: bar.move(done, total, done),
                )
            finally:
                await judge.close()

        return asyncio.run(run())


def print_figures(figures: JudgeFigures, trust: JudgeTrust) -> None:
    """A column a measure, the biases, what it took, and whether it may gate."""
    told = figures.labelled
    table = Table(
        title=escape(
            f"{figures.judge.model} beside people: {told['cases']} answers to {told['questions']} questions "
            f"({told['name']})"
        )
    )
    table.add_column("")
    for each in figures.agreement:
        table.add_column(escape(each.measure), justify="right")
    for name, cell in _ROWS.items():
        table.add_row(name, *(escape(cell(each)) for each in figures.agreement))
    stdout.print(table)
    stability, order, padding, spent = figures.stability, figures.order, figures.padding, figures.spent
    lines = (
        f"asked again   {_interval(stability.same)} of {stability.verdicts} verdicts are the same",
        f"order         {_interval(order.same)} of {order.pairs} pairs keep their winner; "
        f"{_share(order.by_order)} go by place alone; the first place wins {_share(order.first)}; "
        f"the right answer wins {_share(order.right)}; {order.failed} failed",
        f"padding       the padded answer wins {_share(padding.padded)}, the plain one {_share(padding.plain)}, "
        f"of {padding.pairs} pairs; {padding.failed} failed",
        f"spent         {spent.calls} replies, {spent.saved} not paid again, {spent.tokens_in} tokens in, "
        f"{spent.tokens_out} out, {spent.seconds:.0f} s",
    )
    for line in lines:
        stdout.print(escape(line))
    for reason, count in list(figures.failures.items())[:5]:
        stdout.print(escape(f"failed        {count} times: {reason}"))
    verdict = trust.warning or f"The judge {figures.judge.model} is above the floor: it may gate."
    stdout.print(f"\n[bold]{escape(verdict)}[/bold]")


_ROWS: dict[str, Callable[[Agreement], str]] = {
    "label": lambda each: each.label,
    "says yes from": lambda each: f"{each.least:g}",
    "cases, failed": lambda each: f"{each.cases}, {each.failed}",
    "yes by people, by the judge": lambda each: f"{each.said_yes}, {each.judged_yes}",
    "accuracy": lambda each: _interval(each.accuracy),
    "kappa": lambda each: _interval(each.kappa),
    "AUROC": lambda each: _interval(each.auroc),
    "bad: precision, recall": lambda each: f"{_share(each.bad_precision)}, {_share(each.bad_recall)}",
    "value with length": lambda each: "-" if each.length is None else f"{each.length:+.2f}",
}


def _interval(one: Interval | None) -> str:
    return "-" if one is None else f"{one.mean:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _share(one: float | None) -> str:
    return "-" if one is None else f"{one:.0%}"
