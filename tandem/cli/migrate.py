"""`tandem migrate`: the schema of the store, forwards and back."""

from dataclasses import asdict
from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.cli.output import print_json, progress, stdout
from tandem.settings import read_settings


def migrate(
    to: Annotated[str | None, typer.Option(help="Version to go to, forwards or back, such as 0010.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Only list the versions.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before going back.")] = False,
    json: AsJson = False,
) -> None:
    """Bring the store to the schema of this Tandem, as a start does by itself; or to an older one, before an older
    Tandem is started on it. Going back loses what only the newer schema holds: make a backup first.
    """
    from tandem.store.schema_versions import change_schema, schema_versions

    settings = read_settings()
    known = schema_versions(settings.store, settings.data_dir)
    if not show:
        names = [one.revision for one in known]
        wanted = to or names[-1]
        at = next((place for place, one in enumerate(known) if one.current), -1)
        lost = known[names.index(wanted) + 1 : at + 1] if wanted in names else []
        for one in reversed(lost):
            progress(f"Takes back {one.revision}: {one.said}")
        if lost and not yes:
            typer.confirm("What these hold is lost. Go back?", abort=True)
        change_schema(settings.store, settings.data_dir, wanted)
        known = schema_versions(settings.store, settings.data_dir)
    if json:
        print_json([asdict(one) for one in known])
        return
    for one in known:
        stdout.print(f"{'›' if one.current else ' '} {one.revision}  {one.said}")
