"""`tandem eval sets leaks`: what a set has in common with what was trained on, or with another set."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from eval.case import EvalCase
from eval.sets.leaks import AskedElsewhere, CaseLeaks, asked_by_cases, asked_elsewhere, leaks_between
from eval.sets.reading import read_cases
from eval.sets.writing import as_lines, write_whole
from tandem.cli.eval_sets import opened_sets
from tandem.cli.output import print_json, progress, stdout
from tandem.errors import ConflictError
from tandem.settings import Settings

_SHOWN = 10


def print_leaks(
    settings: Settings,
    ref: str,
    against: Sequence[str],
    corpora: Sequence[str],
    *,
    documents: bool,
    clean: Path | None,
    as_json: bool,
) -> bool:
    """Print what leaks; whether nothing does. `clean` is the file for the cases that do not.

    Raises `NotFoundError`, `InvalidRequestError`, `ConflictError` where the file is there.
    """
    if clean is not None and clean.exists():
        raise ConflictError(f"{clean} is there already", param="clean", hint="Name another file.")
    cases = read_cases(Path(ref)) if Path(ref).is_file() else _cases_of(settings, ref)
    others = [_elsewhere(settings, one) for one in against]
    found = [leaks_between(cases, one, corpora, documents=documents) for one in others]
    leaking = frozenset[str]().union(*(one.leaking for one in found))
    if clean is not None:
        kept = [case for case in cases if case.id not in leaking]
        write_whole(clean.absolute(), as_lines(kept))
        progress(f"Wrote {len(kept)} of {len(cases)} cases to {clean}")
    if as_json:
        print_json([asdict(one) | {"leaking": sorted(one.leaking)} for one in found])
    else:
        for one in found:
            _print(one, {case.id: case.question for case in cases})
    return not any(found)


def _elsewhere(settings: Settings, named: str) -> AskedElsewhere:
    if Path(named).exists():
        return asked_elsewhere(Path(named))
    return asked_by_cases(named, _cases_of(settings, named))


def _cases_of(settings: Settings, ref: str) -> Sequence[EvalCase]:
    with opened_sets(settings) as sets:
        return sets.get(ref).cases


def _print(found: CaseLeaks, questions: dict[str, str]) -> None:
    stdout.print(escape(found.told()))
    for what, ids in (("same", found.same), ("near", found.near), ("document", found.documents)):
        for number, other in list(ids.items())[:_SHOWN]:
            stdout.print(f"  {what:<8}  {escape(number)}  {escape(questions[number])}")
            if other != questions[number]:
                stdout.print(f"            {escape(other)}", style="dim")
        if len(ids) > _SHOWN:
            stdout.print(f"  {what:<8}  and {len(ids) - _SHOWN} more; --json lists all")
