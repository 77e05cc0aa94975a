"""The cases that a command is given: those of a file, or of a registered eval set."""

from pathlib import Path

from eval.case import EvalCase
from eval.sets import EvalSets, read_cases
from tandem.cli.opened import opened_store
from tandem.settings import Settings


def cases_of(settings: Settings, given: Path | str) -> tuple[list[EvalCase], str]:
    """The cases of a file, or of the set `NAME` or `NAME@NUMBER`, and what they are called.

    Raises `InvalidRequestError` for a file that is no eval set, and `NotFoundError`.
    """
    if isinstance(given, Path):
        return read_cases(given), given.name
    with opened_store(settings) as store:
        found = EvalSets(store).get(given)
    return list(found.cases), f"{found.name}@{found.number}"
