"""`tandem finetune validate`: recipes beside each other, asked through the real path and scored."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from finetune.dataset.questions import read_questions
from finetune.validation.asking import Moved
from finetune.validation.measures import Differences, Measures
from finetune.validation.over_http import ask_over_http, recipe_over_http
from finetune.validation.plain import Forgetting
from finetune.validation.report import Report, read_training, report_of, write_report
from finetune.validation.running import Plan, run_plain, run_plan
from tandem.cli.answering_server import answering_server
from tandem.cli.bar import Bar
from tandem.cli.output import print_json, stderr, stdout
from tandem.errors import InvalidRequestError
from tandem.resampling import Estimate
from tandem.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks for."""

    questions: Path
    recipes: tuple[str, ...]
    corpora: tuple[str, ...] = ()
    unanswerable: bool = False
    plain: tuple[str, ...] = ()
    run: Path | None = None
    limit: int | None = None
    max_tokens: int | None = None
    instructions: str = ""
    at_once: int = 8
    out: Path | None = None
    fresh: bool = False


def validate(settings: Settings, wanted: Wanted, *, as_json: bool) -> None:
    """Ask, print the figures, and write the report.

    Raises `InvalidRequestError` for what is asked for, `StorageError`, and what the server answers with; what was
    answered until then is kept, and the next run goes on from there.
    """
    if len(wanted.plain) not in (0, 2):
        raise InvalidRequestError("--plain takes two recipes, such as base,tuned", param="plain")
    if not wanted.recipes or len(set(wanted.recipes)) < len(wanted.recipes):
        raise InvalidRequestError("Name each recipe once", param="recipes", hint="--recipes rag,hybrid")
    questions = tuple(read_questions(wanted.questions)[: wanted.limit])
    training = read_training(wanted.run) if wanted.run else {}
    file = wanted.out or settings.data_dir / "validations" / f"{wanted.questions.stem}.json"
    kept = file.with_name(f"{file.stem}.answers.jsonl")
    if wanted.fresh:
        kept.unlink(missing_ok=True)
    plan = Plan(
        questions=questions,
        recipes=wanted.recipes,
        corpora=wanted.corpora,
        left_out=wanted.unanswerable,
        max_tokens=wanted.max_tokens,
        instructions=wanted.instructions,
        at_once=wanted.at_once,
    )
    with Bar("Answers", hidden=as_json or not stderr.is_terminal, unit="tokens") as bar:
        report = asyncio.run(_report(settings, plan, wanted.plain, training, kept, bar.move))
    write_report(report, file)
    if as_json:
        print_json(report.as_json())
        return
    print_measures(report)
    stdout.print(f"\nwritten   {escape(str(file))}, with every answer")


async def _report(
    settings: Settings,
    plan: Plan,
    plain: Sequence[str],
    training: dict[str, object],
    kept: Path,
    moved: Moved,
) -> Report:
    async with answering_server(settings) as http:
        ask, know = partial(ask_over_http, http=http), partial(recipe_over_http, http=http)
        asked = await run_plan(plan, ask, know, kept, moved)
        forgot = None
        if plain:
            before, after = plain
            forgot = await run_plain(before, after, ask, know, kept, at_once=plan.at_once, moved=moved)
    return report_of(asked.outcomes, asked.versions, forgot=forgot, training=training)


def print_measures(report: Report) -> None:
    """A row a measure, a column a recipe; intervals are those of 95%."""
    table = Table(title="Of answerable questions, unless said otherwise; % with 95% intervals")
    table.add_column("measure")
    for recipe in report.recipes:
        table.add_column(escape(recipe), justify="right")
    for name, cell in _ROWS.items():
        cells = [cell(measures) for measures in report.recipes.values()]
        if any(each != "-" for each in cells):
            table.add_row(name, *map(escape, cells))
    stdout.print(table)
    for name, differences in report.differences.items():
        stdout.print(f"{escape(name)}: {escape(_differences(differences))}")
    if report.forgetting:
        _print_forgetting(report.forgetting)


_ROWS: dict[str, Callable[[Measures], str]] = {
    "questions": lambda m: f"{m.answerable} + {m.unanswerable} without an answer",
    "exact match": lambda m: _percent(m.exact_match),
    "F1": lambda m: _percent(m.f1),
    "holds a reference": lambda m: _percent(m.contains),
    "accuracy": lambda m: _percent(m.labels.accuracy if m.labels else None),
    "macro-F1": lambda m: f"{100 * m.labels.macro_f1:.1f}" if m.labels else "-",
    "majority class": lambda m: f"{100 * m.labels.majority_accuracy:.1f}" if m.labels else "-",
    "“I don't know.”": lambda m: _percent(m.unknown_answerable),
    "“I don't know.”, no answer there": lambda m: _percent(m.unknown_unanswerable),
    "citations": lambda m: str(m.citations.given) if m.citations.given else "-",
    "cites a reference": lambda m: _percent(m.citations.reference),
    "cites its words": lambda m: _percent(m.citations.reference_words),
    "cites what it says": lambda m: _percent(m.citations.answer_words),
    "tokens in, out": lambda m: f"{m.tokens_in:.0f}, {m.tokens_out:.0f}",
    "seconds (median)": lambda m: f"{m.seconds:.2f}",
}


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{100 * estimate.mean:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _differences(found: Differences) -> str:
    named = {
        "F1": found.f1,
        "exact match": found.exact_match,
        "accuracy": found.accuracy,
        "“I don't know.”": found.unknown_answerable,
        "the same, no answer there": found.unknown_unanswerable,
    }
    return "; ".join(
        f"{name} {100 * one.mean:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"
        for name, one in named.items()
        if one is not None
    )


def _print_forgetting(found: Forgetting) -> None:
    stdout.print(
        escape(
            f"plain questions: {_percent(found.before)} right before, {_percent(found.after)} after, of "
            f"{found.questions}; {100 * found.difference.mean:+.1f} "
            f"[{100 * found.difference.low:+.1f}, {100 * found.difference.high:+.1f}]; "
            f"{len(found.lost)} lost, {len(found.gained)} gained; answers alike {100 * found.alike.mean:.0f}%"
        )
    )
    kinds = ", ".join(
        f"{kind} {one.before} to {one.after} of {one.questions}" for kind, one in found.kinds.items()
    )
    stdout.print(escape(f"  {kinds}"))
