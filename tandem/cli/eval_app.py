"""Commands of evaluation. What they do stands in modules of their own, imported late so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.eval_gate_command import gate
from tandem.cli.eval_judge import eval_judge
from tandem.cli.eval_options import (
    Again,
    Against,
    Arm,
    AtOnce,
    Corpora,
    Force,
    Instruct,
    Judge,
    JudgeMeasures,
    Leading,
    Limit,
    MaxTokens,
    Paraphrases,
    Plant,
    Plants,
    Repeats,
    Run,
    Seed,
    Similarity,
    Without,
)
from tandem.cli.eval_ordering import names_of, order_of
from tandem.cli.eval_sets_app import sets_app
from tandem.cli.eval_watch import eval_watch
from tandem.cli.options import AsJson, Corpus
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS

eval_app = typer.Typer(
    no_args_is_help=True, help="Evaluation: sets of questions, and what recipes make of them."
)
eval_app.add_typer(sets_app, name="sets")
eval_app.command("gate")(gate)
eval_app.command("judge")(eval_judge)
eval_app.command("watch")(eval_watch)


@eval_app.command("run")
def eval_run(
    eval_set: Annotated[str, typer.Option("--set", help="Eval set, NAME or NAME@NUMBER.")],
    recipe: Annotated[
        list[str] | None,
        typer.Option(help="Recipe, NAME or NAME@VERSION, repeatable; the champion by default."),
    ] = None,
    corpus: Corpora = None,
    instruct: Instruct = None,
    without: Without = False,
    repeats: Repeats = 0,
    paraphrases: Paraphrases = False,
    plant: Plants = None,
    max_tokens: MaxTokens = None,
    limit: Limit = None,
    seed: Seed = 0,
    at_once: AtOnce = 16,
    against: Against = None,
    force: Force = False,
    leading: Leading = None,
    similarity: Similarity = False,
    json: AsJson = False,
) -> None:
    """Ask recipes the questions of a set, keep what they answer, and print the figures."""
    from tandem.cli.eval_look import Look
    from tandem.cli.eval_run import begin_run
    from tandem.cli.eval_runs import show_run

    settings = read_settings()
    order = order_of(
        eval_set, tuple(recipe or ["champion"]), corpus, instruct, without, repeats, paraphrases, plant,
        max_tokens, limit, seed, at_once, None, None, against, force,
    )  # fmt: skip
    run = begin_run(settings, order, quiet=json)
    show_run(settings, run, Look(leading=leading, similarity=similarity), as_json=json)


@eval_app.command("resume")
def eval_resume(
    run: Run,
    again: Again = False,
    leading: Leading = None,
    similarity: Similarity = False,
    json: AsJson = False,
) -> None:
    """Go on with a run that was ended; what was answered is not asked again."""
    from tandem.cli.eval_look import Look
    from tandem.cli.eval_run import resume_run
    from tandem.cli.eval_runs import show_run

    settings = read_settings()
    known = resume_run(settings, run, again=again, quiet=json)
    show_run(settings, known, Look(leading=leading, similarity=similarity), as_json=json)


@eval_app.command("runs")
def eval_runs(
    eval_set: Annotated[str | None, typer.Option("--set", help="Only runs of this set.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Most runs.")] = 50,
    json: AsJson = False,
) -> None:
    """List the runs, the newest first."""
    from tandem.cli.eval_runs import list_runs

    list_runs(read_settings(), eval_set, limit, as_json=json)


@eval_app.command("show")
def eval_show(
    run: Run,
    leading: Leading = None,
    judge: Judge = False,
    judge_measures: JudgeMeasures = "",
    similarity: Similarity = False,
    json: AsJson = False,
) -> None:
    """Score a run that is kept, and print the figures. Nothing is asked but of a judge."""
    from tandem.cli.eval_look import Look
    from tandem.cli.eval_runs import show_run

    look = Look(leading=leading, judge=judge, judge_measures=names_of(judge_measures), similarity=similarity)
    show_run(read_settings(), run, look, as_json=json)


@eval_app.command("diff")
def eval_diff(
    one: Arm,
    other: Arm,
    measure: Annotated[
        str | None, typer.Option(help="Measure to flip by; accuracy for classes, else token_f1.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show which questions one arm has right and the other wrong, with both answers."""
    from tandem.cli.eval_runs import diff_runs

    diff_runs(read_settings(), one, other, measure, as_json=json)


@eval_app.command("ingestion")
def eval_ingestion(
    corpus: Corpus = DEFAULT_CORPUS,
    eval_set: Annotated[
        str | None, typer.Option("--set", help="Eval set, for where its answers came to lie.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure how well a corpus was read and cut: answers and tables kept whole, ends of chunks, repeats."""
    from tandem.cli.eval_ingestion import measure_ingestion
    from tandem.cli.eval_look import cases_of

    settings = read_settings()
    measure_ingestion(settings, corpus, cases_of(settings, eval_set) if eval_set else (), as_json=json)


@eval_app.command("plant")
def eval_plant(
    planting: Annotated[Plant, typer.Argument(help="What the documents are to be.")],
    eval_set: Annotated[str, typer.Option("--set", help="Eval set, NAME or NAME@NUMBER.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not be there yet.")],
    corpus: Corpus = DEFAULT_CORPUS,
) -> None:
    """Write the documents that --plant puts beside a corpus into a folder, to look at or to ingest elsewhere."""
    from tandem.cli.eval_look import cases_of
    from tandem.cli.eval_planting import plant

    settings = read_settings()
    plant(settings, corpus, cases_of(settings, eval_set), planting.value, out.absolute())


@eval_app.command("delete")
def eval_delete(run: Run) -> None:
    """Remove a run with its replies."""
    from tandem.cli.eval_runs import delete_run

    delete_run(read_settings(), run)
