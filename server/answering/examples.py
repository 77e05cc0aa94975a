"""Picks the few-shot examples for a question, and writes them as turns of the conversation."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from server.answering.types import Question
from server.services import Services
from tandem.errors import NotFoundError
from tandem.examples import Example
from tandem.prompts import Message, render
from tandem.recipes import Recipe
from tandem.tokens import ModelTokens


async def pick_examples(question: Question, recipe: Recipe, services: Services) -> tuple[Example, ...]:
    """The examples that the recipe shows for this question, the most important first.

    Raises `NotFoundError` where they are not those that the recipe was made with.
    """
    few_shot, known = recipe.few_shot, services.examples
    if few_shot is None:
        return ()
    if known is None or known.digest != few_shot.examples:
        raise NotFoundError(
            f"The recipe {recipe.name} shows examples ({few_shot.examples}) that are not here",
            param="answer.examples",
            hint="Set answer.examples to the file that it was made with.",
        )
    return await known.pick(question.text, few_shot, services.live)


def turns_of(example: Example, template: str, tokens: ModelTokens, **more: Any) -> list[Message]:
    """The example as the prompt would ask it, and its answer.

    Its fence is the same in every request, so that the prefix cache keeps it: an example is the operator's.
    """
    texts = [{"title": "", "section": None, "text": tokens.plain(text)} for text in example.passages]
    variables = {
        "question": tokens.plain(example.question),
        "instructions": "",
        "history": [],
        "passages": texts,
        "fence": sha256(example.question.encode()).hexdigest()[:8],
    }
    asked = render(template, **variables, **more)[-1]
    return [asked, {"role": "assistant", "content": tokens.plain(example.answer)}]


def with_turns(messages: list[Message], turns: Sequence[Message]) -> list[Message]:
    """The conversation with `turns` behind its system messages, where every request has the same."""
    begins = next((n for n, message in enumerate(messages) if message["role"] != "system"), len(messages))
    return [*messages[:begins], *turns, *messages[begins:]]
