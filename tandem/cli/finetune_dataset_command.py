"""`tandem finetune dataset`, its arguments; what it does stands in `tandem.cli.dataset`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS


class Missed(StrEnum):
    """What becomes of a passage that the retriever missed."""

    put = "put"
    drop = "drop"


class Style(StrEnum):
    """What the wanted answer is."""

    span = "span"
    sentence = "sentence"
    label = "label"


def dataset(
    out: Annotated[Path, typer.Option(help="Folder to write; it must not be there yet.")],
    corpus: Annotated[str, typer.Option(help="Corpus whose documents hold the answers.")] = DEFAULT_CORPUS,
    questions: Annotated[
        Path | None,
        typer.Option(help="Questions, JSON lines or CSV: question, answers, doc_ids, answer_start, label."),
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            help="Voted answers, JSON lines: question, answer, documents, verdict; or `store`, what was accepted."
        ),
    ] = None,
    generate: Annotated[
        int | None, typer.Option(min=1, help="Have a model make so many questions of the corpus.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="Eval set that must not leak, repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Keep what leaks; the card says so.")] = False,
    drop_leaks: Annotated[
        bool, typer.Option("--drop-leaks", help="Leave out the questions that leak.")
    ] = False,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe whose retrieval and prompt it is for; the champion by default.")
    ] = None,
    passages: Annotated[
        int | None, typer.Option(min=1, max=50, help="Passages in a prompt; the recipe's by default.")
    ] = None,
    context_tokens: Annotated[
        int | None, typer.Option(min=64, help="Most tokens of passages; the recipe's by default.")
    ] = None,
    style: Annotated[
        Style, typer.Option(help="Wanted answer: the reference, its whole sentence, or a label alone.")
    ] = Style.span,
    unanswerable: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of prompts whose passages do not hold the answer.")
    ] = 0.1,
    closed: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of examples without passages, for the recipe tuned.")
    ] = 0.1,
    copies: Annotated[
        int, typer.Option(min=1, max=20, help="Examples of one question, each among other passages.")
    ] = 1,
    missed: Annotated[
        Missed, typer.Option(help="A passage that the retriever missed: put in, or the question dropped.")
    ] = Missed.put,
    validation: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the questions to validate on, by document.")
    ] = 0.1,
    least: Annotated[int, typer.Option(min=1, help="Fewest examples to train on.")] = 20,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that makes questions; the engine's base model by default.")
    ] = None,
    model_address: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible server that has it, without /v1; key: engine.api_key."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same set.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Make a training set: prompts as serving makes them, with the answers that are wanted."""
    from finetune.dataset.options import Options
    from tandem.cli.dataset import Wish, make_dataset

    options = Options(
        seed=seed,
        unanswerable=unanswerable,
        closed=closed,
        copies=copies,
        validation=validation,
        missed=missed.value,
        style=style.value,
        least=least,
    )
    wish = Wish(
        out=out.absolute(),
        corpus=corpus,
        questions=questions,
        feedback=feedback,
        generate=generate,
        against=tuple(against or ()),
        leaking="keep" if force else "drop" if drop_leaks else "refuse",
        recipe=recipe,
        passages=passages,
        context_tokens=context_tokens,
        model=model,
        model_address=model_address,
        limit=limit,
    )
    make_dataset(read_settings(), wish, options, as_json=json)
