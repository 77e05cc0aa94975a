"""`tandem eval judge`: whether the judge may be believed, by answers that people have judged."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
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
from tandem.settings import Settings, read_settings


def eval_judge(
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="Your own judged answers, JSON lines, beside the bundled ones, repeatable: question, passages, "
            "answer, reference, faithful, correct, relevant."
        ),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Ask about --labels alone.")] = False,
    model: Annotated[str | None, typer.Option(help="Model to judge; settings: judge.model.")] = None,
    address: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible URL with its /v1; settings: judge.address, else the engine."),
    ] = None,
    measures: Annotated[
        str, typer.Option(help=f"Measures to compare to labels, by commas, of {', '.join(VERDICTS)}.")
    ] = ",".join(MEASURES),
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many questions, with all their answers.")
    ] = None,
    again: Annotated[int, typer.Option(min=0, help="Answers about which it is asked a second time.")] = AGAIN,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask anew what it has said in an earlier measuring.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure a judge: its agreement with people, with itself, and whether order or length of answers sway it."""
    from tandem.cli.playground import listed

    settings = read_settings()
    cases, name = _cases(labels or [], only=only)
    chosen = [case for group in groups_of(cases)[:limit] for case in group]
    wanted = list(listed(measures, str, "--measures"))
    for each in wanted:
        if each not in VERDICTS:
            raise InvalidRequestError(
                f"{each!r} is compared to no label", param="measures", hint=f"There are {', '.join(VERDICTS)}."
            )
    figures = _measured(
        settings,
        chosen,
        wanted,
        name if len(chosen) == len(cases) else f"{name}, the first {limit} questions",
        model=model,
        address=address,
        again=again,
        fresh=f"{time.time():.0f}:" if fresh else "",
        quiet=as_json,
    )
    file = keep_figures(figures, settings.data_dir)
    trust = trust_of(figures.judge, settings)
    if as_json:
        print_json(figures.model_dump() | {"trusted": trust.trusted, "faults": list(trust.faults)})
        return
    print_figures(figures, trust)
    stdout.print(f"\nwritten   {escape(str(file))}")


def _cases(labels: Sequence[Path], *, only: bool) -> tuple[list[LabelledCase], str]:
    if only and not labels:
        raise InvalidRequestError("--only needs --labels", param="only")
    cases = [] if only else bundled_cases()
    for file in labels:
        cases.extend(read_labelled(file))
    ids = [case.id for case in cases]
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice is not None:
        raise InvalidRequestError(f"The id {twice} is there twice", param="labels")
    return cases, " + ".join(([] if only else ["bundled"]) + [file.name for file in labels])


def _measured(
    settings: Settings,
    cases: Sequence[LabelledCase],
    measures: Sequence[str],
    name: str,
    *,
    model: str | None,
    address: str | None,
    again: int,
    fresh: str,
    quiet: bool,
) -> JudgeFigures:
    with ExitStack() as stack:
        embedder = None
        if "answer_relevancy" in measures:
            progress("Loading the embedder")
            embedder = load_embedder(settings.embedding, settings.data_dir)
            stack.callback(embedder.close)
        bar = stack.enter_context(Bar("Verdicts", hidden=quiet or not stderr.is_terminal, unit="verdicts"))

        async def run() -> JudgeFigures:
            judge = open_judge(settings, address=address, model=model)
            try:
                return await judge_the_judge(
                    judge,
                    cases,
                    embedder,
                    measures,
                    name,
                    again,
                    fresh,
                    lambda _, done, total: bar.move(done, total, done),
                )
            finally:
                await judge.close()

        return asyncio.run(run())


def print_figures(figures: JudgeFigures, trust: JudgeTrust) -> None:
    """A row a measure, the biases, what it took, and whether it may gate."""
    told = figures.labelled
    table = Table(
        title=escape(
            f"{figures.judge.model} beside people: {told['cases']} answers to {told['questions']} questions "
            f"({told['name']})"
        )
    )
    for column in ("measure", "label"):
        table.add_column(column)
    for column in ("yes: people, judge", "accuracy", "kappa", "AUROC", "bad: precision, recall", "length"):
        table.add_column(column, justify="right")
    for each in figures.agreement:
        table.add_row(*map(escape, _row(each)))
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


def _row(each: Agreement) -> tuple[str, ...]:
    return (
        f"{each.measure} ≥ {each.least:g}",
        each.label,
        f"{each.said_yes}, {each.judged_yes} of {each.cases}" + (f" ({each.failed} failed)" if each.failed else ""),
        _interval(each.accuracy),
        _interval(each.kappa),
        _interval(each.auroc),
        f"{_share(each.bad_precision)}, {_share(each.bad_recall)}",
        "-" if each.length is None else f"{each.length:+.2f}",
    )


def _interval(one: Interval | None) -> str:
    return "-" if one is None else f"{one.mean:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _share(one: float | None) -> str:
    return "-" if one is None else f"{one:.0%}"
