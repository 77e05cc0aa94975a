"""`tandem finetune embedder` and `embedders`, their arguments; what they do stands in `tandem.cli.tune_embedder`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS


class Negatives(StrEnum):
    """What an embedder is told to be wrong."""

    mined = "mined"
    in_batch = "in-batch"


class Precision(StrEnum):
    """In what numbers a forward pass of training computes."""

    auto = "auto"
    fp32 = "fp32"


def embedder(
    corpus: Annotated[str, typer.Option(help="Corpus whose documents hold the answers.")] = DEFAULT_CORPUS,
    questions: Annotated[
        Path | None, typer.Option(help="Questions, JSON lines: question, answers, doc_ids.")
    ] = None,
    training_set: Annotated[
        Path | None, typer.Option("--set", help="Training set, as `finetune dataset` writes it.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Register the result under this name.")] = None,
    out: Annotated[Path | None, typer.Option(help="Or write it to this folder; not there yet.")] = None,
    base: Annotated[
        str | None, typer.Option(help="Model to tune, as embedding.model; the one that answers by default.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=100, help="Most times through the questions.")] = 4,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 5e-5,
    batch_size: Annotated[int, typer.Option(min=2, max=4096, help="Questions in a step.")] = 32,
    mini_batch: Annotated[
        int, typer.Option(min=1, max=1024, help="Texts in a forward pass; bounds memory, changes no result.")
    ] = 16,
    negatives: Annotated[
        Negatives,
        typer.Option(help="Mined by the retriever beside those of the batch, or the batch's alone."),
    ] = Negatives.mined,
    hard: Annotated[int, typer.Option(min=1, max=16, help="Mined negatives of a question.")] = 1,
    same_document: Annotated[
        bool, typer.Option(help="Mine in the document that holds the answer, too.")
    ] = True,
    matryoshka: Annotated[
        str, typer.Option(help="Lengths to which vectors may be cut, such as 384,256,128.")
    ] = "",
    temperature: Annotated[float, typer.Option(help="By which similarities are divided in the loss.")] = 0.05,
    precision: Annotated[
        Precision,
        typer.Option(help="auto: bf16 products where the processor computes them; weights stay fp32."),
    ] = Precision.auto,
    mix: Annotated[
        str, typer.Option(help="Shares of tuned weights, the rest the base's, tried on validation beside 1.")
    ] = "0.3,0.5,0.7",
    validation_share: Annotated[
        float, typer.Option(min=0.05, max=0.5, help="Share of the questions to validate on, by document.")
    ] = 0.2,
    haystack: Annotated[int, typer.Option(min=10, help="Chunks among which validation searches.")] = 1_000,
    least: Annotated[int, typer.Option(min=2, help="Fewest questions to train on.")] = 16,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without gain until training stops.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed makes the same split and order.")] = 0,
    note: Annotated[str, typer.Option(help="Why; kept with the version.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Tune the embedder on questions and the chunks that answer them; kept only if validation is better."""
    from finetune.embedder.options import TuningOptions, numbers
    from tandem.cli.tune_embedder import Wish, tune_embedder

    options = TuningOptions(
        epochs=epochs,
        lr=lr,
        batch_size=batch_size,
        mini_batch=mini_batch,
        negatives="mined" if negatives is Negatives.mined else "in-batch",
        hard=hard,
        same_document=same_document,
        matryoshka=tuple(int(size) for size in numbers(matryoshka, "matryoshka")),
        temperature=temperature,
        precision="fp32" if precision is Precision.fp32 else "auto",
        mix=numbers(mix, "mix"),
        validation_share=validation_share,
        haystack=haystack,
        least=least,
        patience=patience,
        seed=seed,
    )
    wish = Wish(corpus, questions, training_set, out.absolute() if out else None, name, base, note)
    tune_embedder(read_settings(), wish, options, as_json=json)


def embedders(json: AsJson = False) -> None:
    """List the tuned embedders, each with what its validation said."""
    from tandem.cli.tune_embedder import list_embedders

    list_embedders(read_settings(), as_json=json)
