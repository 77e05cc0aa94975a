"""When the model is asked at all, and how readily it may say that it does not know."""

from collections.abc import Sequence
from dataclasses import replace

from server.answering.types import Question
from tandem.engine import Sampling
from tandem.recipes import Recipe
from tandem.vocabulary import Passage


def is_supported(
    question: Question, recipe: Recipe, passages: Sequence[Passage], evidence: float | None
) -> bool:
    """Whether the model is asked: with passages whose evidence is not below the recipe's threshold.

    A model that weighs the evidence itself has no threshold: what it thinks of the passages counts too.
    """
    if recipe.retrieval is None:
        return True
    if _weighs(question, recipe):
        return bool(passages)
    return bool(passages) and (evidence or 0.0) >= recipe.retrieval.evidence


def inclined(question: Question, recipe: Recipe, sampling: Sampling, evidence: float | None) -> Sampling:
    """The sampling with the bias towards, or against, "I don't know." that the evidence calls for."""
    if recipe.abstaining is None or not _weighs(question, recipe):
        return sampling
    bias = recipe.abstaining.bias_for(evidence or 0.0)
    return replace(sampling, logit_bias=((recipe.abstaining.token, bias),))


def _weighs(question: Question, recipe: Recipe) -> bool:
    """JSON has no such first token."""
    return recipe.abstaining is not None and recipe.retrieval is not None and question.response_format is None
