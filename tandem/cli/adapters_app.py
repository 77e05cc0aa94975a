"""Commands of adapters. What they do stands in modules of their own, imported late so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.settings import read_settings

adapters_app = typer.Typer(no_args_is_help=True, help="Adapters: registered versions of LoRA weights.")

AdapterLabel = Annotated[str, typer.Argument(help="NAME@NUMBER, NAME@TAG, or NAME for the newest.")]
AdapterName = Annotated[str, typer.Argument(help="Name of the adapter.")]
_BaseModel = Annotated[
    str | None, typer.Option("--base", help="Base model, written as engine.model is; that is the default.")
]
_Why = Annotated[str, typer.Option("--reason", help="Why; kept with the change.")]


@adapters_app.command("list")
def adapters_list(
    name: Annotated[str | None, typer.Argument(help="Name of the adapter; all by default.")] = None,
    json: AsJson = False,
) -> None:
    """List the versions, the newest first."""
    from tandem.cli.adapters import list_adapters

    list_adapters(read_settings(), name, as_json=json)


@adapters_app.command("show")
def adapters_show(
    label: AdapterLabel,
    verify: Annotated[bool, typer.Option("--verify", help="Compare every byte with its hash first.")] = False,
    json: AsJson = False,
) -> None:
    """Print the card of a version, where its files are, and what names it."""
    from tandem.cli.adapters import show_adapter

    show_adapter(read_settings(), label, verify=verify, as_json=json)


@adapters_app.command("diff")
def adapters_diff(before: AdapterLabel, after: AdapterLabel, json: AsJson = False) -> None:
    """Print in what two versions differ: base, data, parameters, metrics, files."""
    from tandem.cli.adapters import diff_adapters

    diff_adapters(read_settings(), before, after, as_json=json)


@adapters_app.command("history")
def adapters_history(name: AdapterName, json: AsJson = False) -> None:
    """List where the tags of an adapter have been, newest first."""
    from tandem.cli.adapters import print_tag_moves

    print_tag_moves(read_settings(), name, as_json=json)


@adapters_app.command("tag")
def adapters_tag(
    label: AdapterLabel,
    tag: Annotated[str, typer.Argument(help="The tag, such as candidate or champion.")],
    reason: _Why = "",
    expected: Annotated[
        int | None, typer.Option(min=0, help="Only if the tag is on this number now; 0: on none.")
    ] = None,
) -> None:
    """Let a tag mean a version, whatever it meant before."""
    from tandem.cli.adapters import tag_adapter

    tag_adapter(read_settings(), label, tag, reason, expected)


@adapters_app.command("untag")
def adapters_untag(
    name: AdapterName, tag: Annotated[str, typer.Argument(help="The tag.")], reason: _Why = ""
) -> None:
    """Take a tag away; the version stays."""
    from tandem.cli.adapters import untag_adapter

    untag_adapter(read_settings(), name, tag, reason)


@adapters_app.command("register")
def adapters_register(
    folder: Annotated[Path, typer.Argument(help="Folder of a training run, or as peft writes it.")],
    name: AdapterName,
    note: Annotated[str, typer.Option(help="Why; kept with the version.")] = "",
    base: _BaseModel = None,
    json: AsJson = False,
) -> None:
    """Register an adapter as the next version of a name. Without a training.json, --base says what it is of."""
    from tandem.cli.adapter_files import register_adapter

    register_adapter(read_settings(), folder, name, note, base, as_json=json)


@adapters_app.command("export")
def adapters_export(
    label: AdapterLabel,
    file: Annotated[Path, typer.Argument(help="File to write, such as mine.tandem-adapter.")],
) -> None:
    """Write a version as one file."""
    from tandem.cli.adapter_files import export_to_file

    export_to_file(read_settings(), label, file)


@adapters_app.command("import")
def adapters_import(
    file: Annotated[Path, typer.Argument(help="File that `adapters export` wrote.")],
    name: Annotated[str | None, typer.Option(help="Another name than the one in the file.")] = None,
    json: AsJson = False,
) -> None:
    """Register what another Tandem has exported."""
    from tandem.cli.adapter_files import import_file

    import_file(read_settings(), file, name, as_json=json)


@adapters_app.command("merge")
def adapters_merge(
    label: AdapterLabel,
    out: Annotated[Path, typer.Option(help="Folder to write, which is not there yet.")],
    base: _BaseModel = None,
) -> None:
    """Write base and adapter as one model, which engine.model can name."""
    from tandem.cli.adapter_files import merge_into_model

    merge_into_model(read_settings(), label, out, base)


@adapters_app.command("push")
def adapters_push(
    label: AdapterLabel,
    to: Annotated[str, typer.Option(help="Repository: hub:OWNER/NAME.")],
    private: Annotated[
        bool, typer.Option("--private/--public", help="Who sees a repository that is made.")
    ] = True,
) -> None:
    """Put a version on a hub. HF_TOKEN is the token, HF_ENDPOINT another hub than huggingface.co."""
    from tandem.cli.adapter_files import push_to_hub

    push_to_hub(read_settings(), label, to, private=private)


@adapters_app.command("prune")
def adapters_prune(
    name: Annotated[str | None, typer.Argument(help="Name of the adapter; all by default.")] = None,
    keep: Annotated[int, typer.Option(min=1, help="Newest versions of a name that stay.")] = 3,
    delete: Annotated[bool, typer.Option("--delete", help="Do it; without, it is only shown.")] = False,
    json: AsJson = False,
) -> None:
    """Show which versions nothing holds on to, or delete them. Tagged ones and those in use stay."""
    from tandem.cli.adapters import prune_adapters

    prune_adapters(read_settings(), name, keep, delete=delete, as_json=json)


@adapters_app.command("remove")
def adapters_remove(
    label: Annotated[str, typer.Argument(help="NAME@NUMBER.")],
    force: Annotated[bool, typer.Option("--force", help="Though it has tags or is in use.")] = False,
) -> None:
    """Delete one version; its number is not used again."""
    from tandem.cli.adapters import remove_adapter

    remove_adapter(read_settings(), label, force=force)


AdapterRef = Annotated[str, typer.Argument(help="NAME@NUMBER or NAME@TAG.", metavar="ADAPTER")]


@adapters_app.command("load")
def adapters_load(adapter: AdapterRef, json: AsJson = False) -> None:
    """Load a version into the running engine, and keep it loaded, also after a restart."""
    from tandem.cli.served_adapters import load_adapter

    load_adapter(read_settings(), adapter, as_json=json)


@adapters_app.command("unload")
def adapters_unload(adapter: AdapterRef, json: AsJson = False) -> None:
    """Keep a version loaded no longer: it goes when its last request has ended."""
    from tandem.cli.served_adapters import unload_adapter

    unload_adapter(read_settings(), adapter, as_json=json)


@adapters_app.command("served")
def adapters_served(json: AsJson = False) -> None:
    """Show which adapters are loaded at the engine, and which should be."""
    from tandem.cli.served_adapters import print_served

    print_served(read_settings(), as_json=json)
