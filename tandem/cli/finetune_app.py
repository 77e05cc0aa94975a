"""Commands of fine-tuning. What they do stands in modules of their own, imported late so that help is quick."""

from typing import Annotated

import typer

from tandem.settings import read_settings

finetune_app = typer.Typer(
    no_args_is_help=True, help="Training sets, LoRA training, and proof that it is better."
)
adapters_app = typer.Typer(no_args_is_help=True, help="Adapters: registered versions of LoRA weights.")


AdapterRef = Annotated[str, typer.Argument(help="NAME@NUMBER or NAME@TAG.", metavar="ADAPTER")]
ServedAsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@adapters_app.command("load")
def adapters_load(adapter: AdapterRef, json: ServedAsJson = False) -> None:
    """Load a version into the running engine, and keep it loaded, also after a restart."""
    from tandem.cli.served_adapters import load_adapter

    load_adapter(read_settings(), adapter, as_json=json)


@adapters_app.command("unload")
def adapters_unload(adapter: AdapterRef, json: ServedAsJson = False) -> None:
    """Keep a version loaded no longer: it goes when its last request has ended."""
    from tandem.cli.served_adapters import unload_adapter

    unload_adapter(read_settings(), adapter, as_json=json)


@adapters_app.command("served")
def adapters_served(json: ServedAsJson = False) -> None:
    """Show which adapters are loaded at the engine, and which should be."""
    from tandem.cli.served_adapters import print_served

    print_served(read_settings(), as_json=json)
