"""`tandem audit`: who changed what, and whether the log is whole."""

from typing import Annotated

import typer

from tandem.cli.options import AsJson

audit_app = typer.Typer(no_args_is_help=True, help="Who changed what.")


@audit_app.command("list")
def audit_list(
    tenant: Annotated[str | None, typer.Option(help="Only changes in this tenant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most entries.")] = 50,
    json: AsJson = False,
) -> None:
    """List changes, newest first."""
    from tandem.cli.audit import list_entries
    from tandem.settings import read_settings

    list_entries(read_settings(), tenant, limit, as_json=json)


@audit_app.command("verify")
def audit_verify(
    head: Annotated[
        str | None, typer.Option(help="Hash that was the newest once: also sees that nothing was cut off.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Look at every entry's hash, and print the newest one's."""
    from tandem.cli.audit import verify
    from tandem.settings import read_settings

    verify(read_settings(), head, as_json=json)
