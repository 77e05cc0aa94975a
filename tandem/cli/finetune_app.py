"""Commands of fine-tuning. What they do stands in modules of their own, imported late so that help is quick."""

import typer

finetune_app = typer.Typer(
    no_args_is_help=True, help="Training sets, LoRA training, and proof that it is better."
)
adapters_app = typer.Typer(no_args_is_help=True, help="Adapters: registered versions of LoRA weights.")
