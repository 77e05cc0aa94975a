"""Commands of drift. What they do stands in a module of its own."""

from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.settings import read_settings

drift_app = typer.Typer(
    no_args_is_help=True,
    help="Drift: what has changed in the questions, and which are from outside the domain.",
)

Since = Annotated[
    str | None, typer.Option(help="From this moment on: 2026-11-28 or 2026-11-28T14:00, in UTC.")
]
Until = Annotated[str | None, typer.Option(help="Before this moment.")]
SetOption = Annotated[
    str | None, typer.Option("--set", help="Questions of an eval set, NAME or NAME@NUMBER; needs a server.")
]
CorporaOption = Annotated[
    list[str] | None, typer.Option("--corpus", help="Where to search for them; all by default.")
]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="The answers of all tenants together.")]


@drift_app.command("show")
def drift_show(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Most lines: one a series and look.")] = 30,
    alarms: Annotated[bool, typer.Option("--alarms", help="Only what has changed.")] = False,
    everywhere: Everywhere = False,
    json: AsJson = False,
) -> None:
    """Show the newest looks, and questions that are typical of what is new."""
    from tandem.cli.drift import show

    show(read_settings(), limit, alarms=alarms, everywhere=everywhere, as_json=json)


@drift_app.command("reference")
def drift_reference(
    since: Since = None,
    until: Until = None,
    eval_set: SetOption = None,
    corpus: CorporaOption = None,
    everywhere: Everywhere = False,
) -> None:
    """Compare with other answers from now on: by default the next ones."""
    from tandem.cli.drift import reference

    reference(read_settings(), since, until, eval_set, corpus, everywhere=everywhere)


@drift_app.command("calibrate")
def drift_calibrate(
    eval_set: SetOption = None,
    corpus: CorporaOption = None,
    false_alarms: Annotated[
        float | None, typer.Option(help="Share of the domain's own questions that may be called outside.")
    ] = None,
) -> None:
    """Set from which distance on a question is outside, by default from the answers of the reference."""
    from tandem.cli.drift import calibrate

    calibrate(read_settings(), eval_set, corpus, false_alarms)


@drift_app.command("check")
def drift_check(since: Since = None, until: Until = None, json: AsJson = False) -> None:
    """Compare answers with the reference now, by default the newest. Exit code 1: something has changed."""
    from tandem.cli.drift import check

    if not check(read_settings(), since, until, as_json=json):
        raise typer.Exit(1)
