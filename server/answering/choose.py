"""Which recipe answers a question: the one that it names, or the champion, or its challenger in an experiment."""

from dataclasses import dataclass

from server.answering.types import Question
from server.services import Services
from tandem.recipes import MODEL, Recipe


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
    """Look the recipe up once: a champion, or an experiment, that changes meanwhile is the next question's.

    Only a question that names no recipe can be in an experiment. Raises `NotFoundError` for a recipe that there is
    not.
    """
    recipe = services.recipes.of_model(question.model)
    if question.model != MODEL:
        return Choice(recipe)
    said = services.experiments.choose(
        question.caller.tenant, question.corpora, _user_of(question), question.conversation, recipe
    )
    return Choice(recipe) if said is None else Choice(said.recipe, said.experiment, said.arm, said.unit)


def _user_of(question: Question) -> str | None:
    """Who asks: as the client names them, or the person whom a token is of. A key is an application's."""
    if question.user is not None:
        return question.user
    subject = question.caller.subject
    return subject if subject.startswith("user:") else None
