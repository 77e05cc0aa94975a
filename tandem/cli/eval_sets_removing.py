"""`tandem eval sets remove`: what it would take is said first."""

import typer
from rich.markup import escape

from tandem.cli.eval_sets import opened_sets
from tandem.cli.output import print_json, progress, stdout
from tandem.errors import ConflictError
from tandem.settings import Settings
from tandem.store import EvalSetUse


def remove_set(settings: Settings, name: str, version: int | None, *, yes: bool, as_json: bool) -> None:
    """Remove one version of a set, or all, once the user has agreed.

    Raises `NotFoundError`, and `ConflictError` while a run or a gate asks its questions, or where nobody can be asked.
    """
    with opened_sets(settings) as sets:
        uses = sets.uses(name, version)
        if not yes and not any(one.running for one in uses):
            _ask(uses, as_json=as_json)
        removed = sets.remove(name, version)
    if as_json:
        print_json(
            [
                {
                    "ref": f"{one.name}@{one.number}",
                    "cases": one.count,
                    "runs": one.runs,
                    "kept": one.runs > 0,
                }
                for one in removed
            ]
        )
        return
    for one in removed:
        stdout.print(f"removed  {_said(one)}")


def _ask(uses: list[EvalSetUse], *, as_json: bool) -> None:
    if as_json:
        raise ConflictError(
            "Nobody can be asked with --json", param="yes", hint="--yes removes without asking."
        )
    for one in uses:
        progress(f"would remove  {_said(one)}")
    typer.confirm("Remove this?", abort=True, err=True)


def _said(one: EvalSetUse) -> str:
    many = f"{one.runs} run{'' if one.runs == 1 else 's'}"
    kept = f"its {many} keep their figures, and the cases for these" if one.runs else "no run asked it"
    return escape(f"{one.name}@{one.number}  {one.count} cases; {kept}")
