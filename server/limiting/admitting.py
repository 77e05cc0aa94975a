"""The door: what a question passes before any work is done for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from server.answering.generate import sampling_for, ticket_of
from server.answering.types import Question
from server.services import Services

_CHARS_PER_TOKEN = 4
_INSTRUCTIONS = 300
"""Tokens of a prompt's own words, about."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A question that may be answered, and how the limits stand, as headers."""

    question: Question
    headers: dict[str, str]


@asynccontextmanager
async def admit(question: Question, services: Services) -> AsyncIterator[Admitted]:
    """Let a question in for as long as the block lasts: within the limits, and with a place in the server.

    Nothing here asks the database. Raises `NotFoundError` (recipe), `RateLimitedError` and `OverloadedError`.
    """
    ticket = ticket_of(question)
    tokens = most_tokens(question, services)
    async with services.limiter.question(question.caller, ticket, tokens) as headers:
        with services.admission.place(ticket):
            yield Admitted(replace(question, ticket=ticket), headers)


def most_tokens(question: Question, services: Services) -> int:
    """What prompt and answer take at most, about: passages fill their budget, and no question exceeds the context."""
    recipe = services.recipes.of_model(question.model)
    said = (
        len(question.text) + len(question.instructions) + sum(len(turn.content) for turn in question.history)
    )
    passages = recipe.retrieval.context_tokens if recipe.retrieval else 0
    prompt = said // _CHARS_PER_TOKEN + passages + _INSTRUCTIONS
    most = prompt + sampling_for(recipe, question.sampling).max_tokens
    return min(most, services.settings.engine.context_tokens)
