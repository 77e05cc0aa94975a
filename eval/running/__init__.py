"""Asks arms the questions of an eval set through the real path, and keeps what they answer."""

from eval.running.facts import ArmFacts, CorpusFacts, RunFacts, SetFacts
from eval.running.keeping import EvalRun, EvalRuns
from eval.running.plan import Asking, Plan

__all__ = ["ArmFacts", "Asking", "CorpusFacts", "EvalRun", "EvalRuns", "Plan", "RunFacts", "SetFacts"]
