"""Commands that ask. What they do stands in modules of their own, imported late so that help is quick."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.options import AsJson, Corpus
from tandem.errors import InvalidRequestError
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    corpus: Annotated[
        list[str] | None, typer.Option(help="Corpus to search, repeatable; all by default.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe that answers; the champion by default.")] = None,
    json: AsJson = False,
) -> None:
    """Ask the running server; prints the answer as it comes, then its sources."""
    from tandem.cli.ask import ask_server

    ask_server(read_settings(), question, corpus or [], recipe, as_json=json)


def calibrate(
    questions: Annotated[
        Path | None, typer.Option(help="File of an eval set: question, documents, answers, answerable.")
    ] = None,
    eval_set: Annotated[
        str | None, typer.Option("--set", help="Or an eval set, NAME or NAME@NUMBER.")
    ] = None,
    corpus: Corpus = DEFAULT_CORPUS,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; calibration-CORPUS.json in the data folder by default."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe whose retrieval it is for; the champion by default.")
    ] = None,
    likelihood: Annotated[
        bool,
        typer.Option("--likelihood", help="Weigh what the engine's model says of each question, too."),
    ] = False,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores/--no-scores",
            help="Whether the passages' scores count; not with questions that the reranker was trained on.",
        ),
    ] = True,
    json: AsJson = False,
) -> None:
    """Fit the probability that passages hold the answer on questions of your own."""
    from tandem.cli.calibrate import calibrate as fit_evidence

    given = [each for each in (questions, eval_set) if each is not None]
    if len(given) != 1:
        raise InvalidRequestError("Name either a file of questions or a set", param="questions")
    fit_evidence(
        read_settings(), corpus, given[0], out, recipe, likelihood=likelihood, scores=scores, as_json=json
    )


def consistency(
    file: Annotated[Path, typer.Argument(help="JSON lines: questions, each with its paraphrases.")],
    recipe: Annotated[str | None, typer.Option(help="Recipe to ask; the champion by default.")] = None,
    corpus: Annotated[
        list[str] | None, typer.Option(help="Corpus to search, repeatable; all by default.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Times that each wording is asked.")] = 3,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Temperature; the recipe's by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure whether a recipe says the same to the same question, in other words and again."""
    from tandem.cli.consistency import measure_consistency

    measure_consistency(read_settings(), file, recipe, corpus or [], runs, temperature, as_json=json)


def playground(
    question: Annotated[str | None, typer.Argument(help="The question; or --cases, or --set.")] = None,
    recipes: Annotated[
        str, typer.Option(help="Recipes, NAME or NAME@VERSION, by commas; the champion by default.")
    ] = "",
    prompts: Annotated[
        str, typer.Option(help="Prompts to try in them, NAME or NAME@VERSION, by commas.")
    ] = "",
    prompt_file: Annotated[Path | None, typer.Option(help="Text of a prompt to try, not saved.")] = None,
    models: Annotated[str, typer.Option(help="Models or adapters to try, by commas.")] = "",
    temperature: Annotated[str, typer.Option(help="Temperatures to try, by commas.")] = "",
    passages: Annotated[str, typer.Option(help="Numbers of passages to try, by commas.")] = "",
    max_tokens: Annotated[str, typer.Option(help="Most tokens of an answer to try, by commas.")] = "",
    cases: Annotated[
        Path | None, typer.Option(help="File of an eval set, whose questions are asked.")
    ] = None,
    eval_set: Annotated[str | None, typer.Option("--set", help="Eval set, NAME or NAME@NUMBER.")] = None,
    corpus: Annotated[
        list[str] | None, typer.Option(help="Corpus to search, repeatable; all by default.")
    ] = None,
    save: Annotated[
        str | None, typer.Option(help="Save what is named, if that is one combination, as this recipe.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why it is saved; kept with the version.")] = "",
    json: AsJson = False,
) -> None:
    """Ask recipes side by side on the running server: every combination of what is named. No answer is kept."""
    from tandem.cli.playground import listed, read_text, run_playground, save_winner, variants_of

    named: dict[str, Sequence[object]] = {
        "model": listed(models, str, "--models"),
        "temperature": listed(temperature, float, "--temperature"),
        "passages": listed(passages, int, "--passages"),
        "max_tokens": listed(max_tokens, int, "--max-tokens"),
    }
    variants = variants_of(
        listed(recipes, str, "--recipes") or [""],
        listed(prompts, str, "--prompts"),
        read_text(prompt_file),
        {key: values for key, values in named.items() if values},
    )
    given = [each for each in (question, cases, eval_set) if each is not None]
    if len(given) > 1 or not (given or save):
        raise InvalidRequestError(
            "Give a question, --cases, or --set", param="question", hint="tandem playground --help"
        )
    settings = read_settings()
    if given:
        run_playground(settings, question, cases or eval_set, variants, corpus or [], as_json=json)
    if save is not None:
        save_winner(settings, variants, save, note, as_json=json)
