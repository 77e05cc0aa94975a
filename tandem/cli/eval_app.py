"""Commands of evaluation. What they do stands in modules of their own, imported late so that help is quick."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tandem.cli.eval_gate_command import gate
from tandem.cli.eval_judge import eval_judge
from tandem.cli.eval_sets_app import sets_app
from tandem.cli.eval_watch import eval_watch
from tandem.cli.options import AsJson, Corpus
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS

if TYPE_CHECKING:
    from tandem.cli.eval_run import Order

eval_app = typer.Typer(
    no_args_is_help=True, help="Evaluation: sets of questions, and what recipes make of them."
)
eval_app.add_typer(sets_app, name="sets")
eval_app.command("gate")(gate)
eval_app.command("judge")(eval_judge)
eval_app.command("watch")(eval_watch)


class Plant(StrEnum):
    """Passages that mislead."""

    noise = "noise"
    counterfactual = "counterfactual"


Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or its first letters.")]
_Arm = Annotated[str, typer.Argument(help="RUN, or RUN:ARM where it has several.")]
_Corpora = Annotated[
    list[str] | None, typer.Option("--corpus", help="Corpus to search, repeatable; all by default.")
]
_Instruct = Annotated[
    list[str] | None,
    typer.Option(metavar="ARMS=TEXT", help="Said before each question to these arms, repeatable."),
]
_Without = Annotated[
    bool, typer.Option("--without", help="Ask each question once more, with its documents left out.")
]
_Repeats = Annotated[int, typer.Option(min=0, max=20, help="Ask each question so many times more.")]
_Paraphrases = Annotated[bool, typer.Option("--paraphrases", help="Ask in the other words of the set, too.")]
_Plant = Annotated[
    list[Plant] | None,
    typer.Option(help="Ask again with passages that mislead beside the corpus, in a corpus of their own."),
]
_MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Most tokens of an answer; the recipe's by default.")
]
_Limit = Annotated[int | None, typer.Option(min=1, help="Ask so many cases, drawn by the seed.")]
_Seed = Annotated[int, typer.Option(min=0, help="Draws the cases, and goes to the engine.")]
_AtOnce = Annotated[int, typer.Option(min=1, max=512, help="Questions under way at the same time.")]
_Against = Annotated[
    list[Path] | None,
    typer.Option(help="Training set, or file of questions, that must not share any; repeatable."),
]
_Force = Annotated[bool, typer.Option("--force", help="Run on cases that leak; reports say so.")]
_Again = Annotated[bool, typer.Option("--again", help="Ask what failed once more.")]
_Judge = Annotated[bool, typer.Option("--judge", help="Have the answers judged; settings: judge.")]
_JudgeMeasures = Annotated[str, typer.Option(help="Measures of the judge, by commas; all by default.")]
_Leading = Annotated[
    str | None, typer.Option(help="Measure that decides; accuracy for classes, else token_f1.")
]
_Similarity = Annotated[
    bool, typer.Option(help="Embed texts: likeness of answers, and what a perfect search would have found.")
]


@eval_app.command("run")
def eval_run(
    eval_set: Annotated[str, typer.Option("--set", help="Eval set, NAME or NAME@NUMBER.")],
    recipe: Annotated[
        list[str] | None,
        typer.Option(help="Recipe, NAME or NAME@VERSION, repeatable; the champion by default."),
    ] = None,
    corpus: _Corpora = None,
    instruct: _Instruct = None,
    without: _Without = False,
    repeats: _Repeats = 0,
    paraphrases: _Paraphrases = False,
    plant: _Plant = None,
    max_tokens: _MaxTokens = None,
    limit: _Limit = None,
    seed: _Seed = 0,
    at_once: _AtOnce = 16,
    against: _Against = None,
    force: _Force = False,
    leading: _Leading = None,
    similarity: _Similarity = False,
    json: AsJson = False,
) -> None:
    """Ask recipes the questions of a set, keep what they answer, and print the figures."""
    from tandem.cli.eval_look import Look
    from tandem.cli.eval_run import begin_run
    from tandem.cli.eval_runs import show_run

    settings = read_settings()
    order = _order(
        eval_set, tuple(recipe or ["champion"]), corpus, instruct, without, repeats, paraphrases, plant,
        max_tokens, limit, seed, at_once, None, None, against, force,
    )  # fmt: skip
    run = begin_run(settings, order, quiet=json)
    show_run(settings, run, Look(leading=leading, similarity=similarity), as_json=json)


@eval_app.command("resume")
def eval_resume(
    run: Run,
    again: _Again = False,
    leading: _Leading = None,
    similarity: _Similarity = False,
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
    leading: _Leading = None,
    judge: _Judge = False,
    judge_measures: _JudgeMeasures = "",
    similarity: _Similarity = False,
    json: AsJson = False,
) -> None:
    """Score a run that is kept, and print the figures. Nothing is asked but of a judge."""
    from tandem.cli.eval_look import Look
    from tandem.cli.eval_runs import show_run

    look = Look(leading=leading, judge=judge, judge_measures=_names(judge_measures), similarity=similarity)
    show_run(read_settings(), run, look, as_json=json)


@eval_app.command("diff")
def eval_diff(
    one: _Arm,
    other: _Arm,
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


def compare(
    eval_set: Annotated[str | None, typer.Option("--set", help="Eval set, NAME or NAME@NUMBER.")] = None,
    arms: Annotated[
        str, typer.Option(help="Recipes, NAME, NAME@VERSION or champion, by commas.")
    ] = "base,prompted,rag,tuned,hybrid",
    corpus: _Corpora = None,
    instruct: _Instruct = None,
    without: _Without = False,
    repeats: _Repeats = 0,
    paraphrases: _Paraphrases = False,
    plant: _Plant = None,
    max_tokens: _MaxTokens = None,
    limit: _Limit = None,
    seed: _Seed = 0,
    at_once: _AtOnce = 16,
    alone: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Cases at the end that are asked arm after arm, to time each by itself; a quarter by default.",
        ),
    ] = None,
    against: _Against = None,
    force: _Force = False,
    training: Annotated[
        Path | None, typer.Option(help="Folder of the adapter's training, for its learning curve.")
    ] = None,
    leading: _Leading = None,
    judge: _Judge = False,
    judge_measures: _JudgeMeasures = "",
    similarity: _Similarity = True,
    price: Annotated[
        str | None,
        typer.Option(
            metavar="IN,OUT", help="Prices of a million tokens read and written; settings: engine.price_in."
        ),
    ] = None,
    prices: Annotated[Path | None, typer.Option(help="TOML file of prices by arm or model.")] = None,
    machine_hour: Annotated[
        float | None, typer.Option(min=0, help="Price of an hour of the machine.")
    ] = None,
    currency: Annotated[str, typer.Option(help="Of these prices, such as EUR.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; in the data folder by default.")
    ] = None,
    examples: Annotated[
        int,
        typer.Option(min=0, max=200, help="Questions that the report quotes, where arms differ; 0 for none."),
    ] = 12,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run, or report it anew.")
    ] = None,
    again: _Again = False,
    json: AsJson = False,
) -> None:
    """Compare recipes on the same questions, and write the report that says which to serve, and why."""
    from tandem.cli.compare import compare as compare_arms
    from tandem.cli.compare import prices_of
    from tandem.cli.eval_look import Look

    settings = read_settings()
    order = None
    if eval_set is not None:
        order = _order(
            eval_set, _names(arms), corpus, instruct, without, repeats, paraphrases, plant, max_tokens, limit,
            seed, at_once, alone, training, against, force,
        )  # fmt: skip
    look = Look(
        prices=prices_of(settings, price, prices, machine_hour, currency),
        leading=leading,
        judge=judge,
        judge_measures=_names(judge_measures),
        similarity=similarity,
        examples=examples,
        command=_command(),
    )
    compare_arms(settings, order, resume, look, out, again=again, as_json=json)


def _order(
    eval_set: str,
    arms: tuple[str, ...],
    corpora: list[str] | None,
    instruct: list[str] | None,
    without: bool,
    repeats: int,
    paraphrases: bool,
    plant: list[Plant] | None,
    max_tokens: int | None,
    limit: int | None,
    seed: int,
    at_once: int,
    alone: int | None,
    training: Path | None,
    against: list[Path] | None,
    force: bool,
) -> "Order":
    """What both commands that begin a run order by their options."""
    from eval.running.gathering import Wish
    from tandem.cli.compare import instructions_of
    from tandem.cli.eval_run import Order

    wish = Wish(
        arms=arms,
        corpora=tuple(corpora or ()),
        instructions=instructions_of(instruct or []),
        without=without,
        repeats=repeats,
        paraphrases=paraphrases,
        planted=tuple(one.value for one in plant or ()),
        max_tokens=max_tokens,
        seed=seed,
        limit=limit,
        at_once=at_once,
        alone=alone,
        training=training,
        command=_command(),
    )
    return Order(eval_set, wish, tuple(against or ()), force)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def _command() -> str:
    return shlex.join(["tandem", *sys.argv[1:]])
