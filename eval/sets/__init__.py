"""Eval sets: read, hashed, versioned, sliced, compared, checked for leaks, made and reviewed."""

from eval.sets.changes import SetChanges, changes_between
from eval.sets.drafts import Draft, DraftCase, Drafts
from eval.sets.eval_set import EvalSet, EvalSetSummary
from eval.sets.leaks import AskedElsewhere, CaseLeaks, asked_elsewhere, leaks_between, marked_leaks
from eval.sets.reading import read_cases
from eval.sets.registry import EvalSets
from eval.sets.slices import slices_of
from eval.sets.statistics import SetStatistics, statistics_of

__all__ = [
    "AskedElsewhere",
    "CaseLeaks",
    "Draft",
    "DraftCase",
    "Drafts",
    "EvalSet",
    "EvalSetSummary",
    "EvalSets",
    "SetChanges",
    "SetStatistics",
    "asked_elsewhere",
    "changes_between",
    "leaks_between",
    "marked_leaks",
    "read_cases",
    "slices_of",
    "statistics_of",
]
