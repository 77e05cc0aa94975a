"""Experiments between recipes on live traffic: who gets which, what is seen of it, and when it is enough."""

from tandem.experiments.assigning import arm_at, grown, is_in_scope, unit_of
from tandem.experiments.body import ExperimentBody, ShadowPairBody, pair_body
from tandem.experiments.keeping import begin, expand, promote, stop, write_down
from tandem.experiments.results import Result, result_of
from tandem.experiments.stopping import Ending, ending_of
from tandem.experiments.wish import ChallengerWish, ExperimentWish, GuardrailWish

__all__ = [
    "ChallengerWish",
    "Ending",
    "ExperimentBody",
    "ExperimentWish",
    "GuardrailWish",
    "Result",
    "ShadowPairBody",
    "arm_at",
    "begin",
    "ending_of",
    "expand",
    "grown",
    "is_in_scope",
    "pair_body",
    "promote",
    "result_of",
    "stop",
    "unit_of",
    "write_down",
]
