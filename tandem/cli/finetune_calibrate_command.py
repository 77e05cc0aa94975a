"""`tandem finetune calibrate`, its arguments; what it does stands in `tandem.cli.calibrate_adapter`."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS


def calibrate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a finished training, not registered yet.")
    ],
    corpus: Annotated[str, typer.Option(help="Corpus whose documents hold the answers.")] = DEFAULT_CORPUS,
    training_set: Annotated[
        Path | None,
        typer.Option("--set", help="Training set whose questions for validation are asked."),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(help="Or held-out questions, JSON lines or CSV: question, answers, doc_ids."),
    ] = None,
    recipe: Annotated[str, typer.Option(help="Recipe that retrieves, for its retrieval and prompt.")] = "rag",
    passages: Annotated[
        int | None, typer.Option(min=1, max=50, help="Passages in a prompt; the recipe's by default.")
    ] = None,
    context_tokens: Annotated[
        int | None, typer.Option(min=64, help="Most tokens of passages; the recipe's by default.")
    ] = None,
    wrongly: Annotated[
        float,
        typer.Option(min=0.001, max=0.999, help="Share of answerable questions that may go unanswered."),
    ] = 0.15,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; a GPU by default where there is one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Fit how readily an adapter says "I don't know.", on questions with and without their documents."""
    from tandem.cli.calibrate_adapter import CalibratingWish, calibrate_adapter

    wish = CalibratingWish(
        run=run.absolute(),
        corpus=corpus,
        training_set=training_set,
        questions=questions,
        recipe=recipe,
        passages=passages,
        context_tokens=context_tokens,
        wrongly=wrongly,
        device=device,
    )
    calibrate_adapter(read_settings(), wish, as_json=json)
