"""The command that compares recipes. What it does stands in modules of its own, imported late so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.eval_options import (
    Again,
    Against,
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
    Plants,
    Repeats,
    Seed,
    Similarity,
    Without,
)
from tandem.cli.eval_ordering import command_line, names_of, order_of
from tandem.cli.options import AsJson
from tandem.settings import read_settings


def compare(
    eval_set: Annotated[str | None, typer.Option("--set", help="Eval set, NAME or NAME@NUMBER.")] = None,
    arms: Annotated[
        str, typer.Option(help="Recipes, NAME, NAME@VERSION or champion, by commas.")
    ] = "base,prompted,rag,tuned,hybrid",
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
    alone: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Cases at the end that are asked arm after arm, to time each by itself; a quarter by default.",
        ),
    ] = None,
    against: Against = None,
    force: Force = False,
    training: Annotated[
        Path | None, typer.Option(help="Folder of the adapter's training, for its learning curve.")
    ] = None,
    leading: Leading = None,
    judge: Judge = False,
    judge_measures: JudgeMeasures = "",
    similarity: Similarity = True,
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
    again: Again = False,
    json: AsJson = False,
) -> None:
    """Compare recipes on the same questions, and write the report that says which to serve, and why."""
    from tandem.cli.compare import compare as compare_arms
    from tandem.cli.compare import prices_of
    from tandem.cli.eval_look import Look

    settings = read_settings()
    order = None
    if eval_set is not None:
        order = order_of(
            eval_set, names_of(arms), corpus, instruct, without, repeats, paraphrases, plant, max_tokens, limit,
            seed, at_once, alone, training, against, force,
        )  # fmt: skip
    look = Look(
        prices=prices_of(settings, price, prices, machine_hour, currency),
        leading=leading,
        judge=judge,
        judge_measures=names_of(judge_measures),
        similarity=similarity,
        examples=examples,
        command=command_line(),
    )
    compare_arms(settings, order, resume, look, out, again=again, as_json=json)
