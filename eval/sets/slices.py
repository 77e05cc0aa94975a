"""Slices of an eval set: those that follow from the cases themselves, and those that a user has tagged."""

from collections.abc import Sequence

from eval.case import EvalCase

ANSWERABLE, UNANSWERABLE, FOLLOW_UP, LABELLED = "answerable", "unanswerable", "follow-up", "labelled"
DERIVED = (ANSWERABLE, UNANSWERABLE, FOLLOW_UP, LABELLED)
"""Tags that nobody need write."""


def slices_of(cases: Sequence[EvalCase]) -> dict[str, tuple[str, ...]]:
    """Tag to the ids of its cases, in the order of the set; derived tags first, then the user's by name.

    A slice without a case is left out.
    """
    found: dict[str, list[str]] = {tag: [] for tag in DERIVED}
    for case in cases:
        for tag in dict.fromkeys((*derived_tags(case), *case.tags)):
            found.setdefault(tag, []).append(case.id)
    own = sorted(found.keys() - set(DERIVED))
    return {tag: tuple(found[tag]) for tag in (*DERIVED, *own) if found[tag]}


def derived_tags(case: EvalCase) -> tuple[str, ...]:
    """What follows from the case."""
    told = (
        (ANSWERABLE, case.answerable),
        (UNANSWERABLE, not case.answerable),
        (FOLLOW_UP, bool(case.history)),
        (LABELLED, case.label is not None),
    )
    return tuple(tag for tag, holds in told if holds)
