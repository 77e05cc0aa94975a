"""`tandem backup` and `tandem restore`."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.settings import read_settings

Archive = Annotated[Path, typer.Argument(help="The archive.")]


def backup(
    archive: Annotated[Path, typer.Argument(help="The archive to write; `-` writes to standard output.")],
    json: AsJson = False,
) -> None:
    """Write all that Tandem knows to one archive, while the server goes on: documents, index, prompts, recipes,
    adapters, keys, traces, audit log. Models and logs are left out.
    """
    from tandem.cli.backup import run_backup

    run_backup(read_settings(), archive, as_json=json)


def restore(
    archive: Archive,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is there already.")] = False,
    expect: Annotated[
        str | None, typer.Option(help="Hash that `tandem backup` printed; another archive is refused.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look whether the archive is whole.")] = False,
    json: AsJson = False,
) -> None:
    """Put an archive in the place of what is there, on SQLite or PostgreSQL, whichever it was made on. No server may
    run. A broken archive is refused before anything is changed.
    """
    from tandem.cli.backup import run_check, run_restore

    if check:
        run_check(archive, expect, as_json=json)
    else:
        run_restore(read_settings(), archive, replace=replace, expect=expect, as_json=json)
