"""Eval sets: read, hashed, versioned, sliced, compared, checked for leaks, made and reviewed."""

from eval.sets.eval_set import EvalSet, EvalSetSummary
from eval.sets.reading import read_cases
from eval.sets.registry import EvalSets
from eval.sets.slices import slices_of

__all__ = ["EvalSet", "EvalSetSummary", "EvalSets", "read_cases", "slices_of"]
