"""All commands, in the order of the help, and the one place where an error becomes an exit code."""

import sys
from typing import Annotated

import typer

from tandem import __version__
from tandem.cli.adapters_app import adapters_app
from tandem.cli.alerts_app import alerts_app, interventions_app, monitor
from tandem.cli.asking_commands import ask, calibrate, consistency, playground
from tandem.cli.audit_app import audit_app
from tandem.cli.backup_app import backup, restore
from tandem.cli.compare_command import compare
from tandem.cli.corpora_app import documents_app, jobs_app
from tandem.cli.corpus_commands import ingest, reindex
from tandem.cli.credentials import use_key
from tandem.cli.drift_app import drift_app
from tandem.cli.eval_app import eval_app
from tandem.cli.experiments_app import experiments_app
from tandem.cli.finetune_app import finetune_app
from tandem.cli.keys_app import keys_app
from tandem.cli.migrate import migrate
from tandem.cli.output import log_to_stderr, print_error
from tandem.cli.running_commands import doctor, engine, models_app, status, up, worker
from tandem.cli.traces_app import feedback_app, traces_app
from tandem.cli.workshop_app import prompts_app, recipes_app
from tandem.errors import TandemError
from tandem.settings import KEY_VARIABLE

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Answers over your own documents, cited and measured.",
)
app.add_typer(models_app, name="models")
app.add_typer(documents_app, name="documents")
app.add_typer(jobs_app, name="jobs")
app.add_typer(prompts_app, name="prompts")
app.add_typer(recipes_app, name="recipes")
app.add_typer(keys_app, name="keys")
app.add_typer(traces_app, name="traces")
app.add_typer(feedback_app, name="feedback")
app.add_typer(experiments_app, name="experiments")
app.add_typer(finetune_app, name="finetune")
app.add_typer(adapters_app, name="adapters")
app.add_typer(eval_app, name="eval")
app.add_typer(audit_app, name="audit")
app.add_typer(drift_app, name="drift")
app.add_typer(alerts_app, name="alerts")
app.add_typer(interventions_app, name="interventions")
app.command()(compare)
app.command()(monitor)
app.command()(backup)
app.command()(migrate)
app.command()(restore)
app.command()(up)
app.command()(ingest)
app.command()(worker)
app.command()(reindex)
app.command()(ask)
app.command()(calibrate)
app.command()(consistency)
app.command()(status)
app.command()(doctor)
app.command()(engine)
app.command()(playground)


def main() -> None:
    """Entry point. The one place where an error becomes an exit code."""
    try:
        app()
    except TandemError as error:
        print_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(
            envvar=KEY_VARIABLE,
            help="Key to ask the running server with; that of this machine's owner by default.",
            show_default=False,
        ),
    ] = None,
) -> None:
    log_to_stderr()
    use_key(key)
