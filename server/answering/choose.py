"""Which recipe answers a question: the one that it names, or the champion."""

from dataclasses import dataclass

from server.answering.types import Question
from server.services import Services
from tandem.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Choice:
    """The recipe, and the experiment that chose it, if one did."""

    recipe: Recipe
    experiment: str | None = None
    """The experiment's id."""
    arm: str | None = None
    unit: str | None = None
    """Whose answers the experiment counts together: a hash of the user or the conversation."""


async def choose(question: Question, services: Services) -> Choice:
    """Look the recipe up once: a champion that changes meanwhile is the next question's.

    Raises `NotFoundError` for a recipe that there is not.
    """
    return Choice(services.recipes.of_model(question.model))
