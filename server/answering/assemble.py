"""Builds the prompt: all that the question needs, and as much beside it as the model's context holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from server.answering.examples import turns_of, with_turns
from server.answering.excerpts import excerpts
from server.answering.pack import arrange, cost_of, pack
from server.answering.types import Question, Turn
from server.services import Services
from tandem.errors import TooLargeError
from tandem.examples import Example
from tandem.prompts import Message, render
from tandem.recipes import Recipe
from tandem.tokens import ModelTokens
from tandem.vocabulary import Passage

_SURE = 0.8
"""Share of the budget up to which the sum of the parts, counted one by one, needs no count of the whole."""
_PER_TITLE = 4
_PER_TURN = 8
"""Tokens of a message's role and ends."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A prompt, and the passages in it as they stand in their documents: the first is [1]."""

    messages: list[Message]
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    """What may be left out of a prompt, the least important last in each."""

    passages: tuple[Passage, ...] = ()
    history: tuple[Turn, ...] = ()
    examples: tuple[Example, ...] = ()


def assemble(
    question: Question,
    recipe: Recipe,
    passages: Sequence[Passage],
    max_tokens: int,
    services: Services,
    examples: tuple[Example, ...] = (),
    *,
    search: str | None = None,
) -> Assembly:
    """The recipe's prompt with as many examples, passages, and turns of the history, as the context holds.

    Examples come before all but the best passage; of them the first are the most important. Where the recipe
    wants excerpts, passages are cut for `search`, the text that they were found for, else for the question.

    The prompt, as the engine makes it by the model's chat template, and an answer of `max_tokens` never
    exceed the context. Question and instructions are never cut.

    Raises `TooLargeError` when they do not fit beside such an answer.
    """
    tokens = services.tokens
    context = services.settings.engine.context_tokens
    budget = context - max_tokens
    least = tokens.count_chat(_render(question, recipe, _Draft(), services))
    if least > budget:
        raise TooLargeError(
            f"The question and an answer of {max_tokens} tokens do not fit "
            f"into the context of {context} tokens",
            param="messages",
            hint="Ask a shorter question, or for a shorter answer with max_tokens.",
        )
    if recipe.retrieval and recipe.retrieval.excerpt_tokens:
        passages = excerpts(search or question.text, passages, recipe.retrieval.excerpt_tokens, tokens)
    shots, spent = _fitting(examples, recipe, passages, budget - least, services)
    draft = _fill(question, recipe, passages, budget - least - spent, tokens)
    draft = replace(draft, examples=shots)
    while True:
        messages = _render(question, recipe, draft, services)
        if least + spent + _cost(draft, tokens) <= budget * _SURE or tokens.count_chat(messages) <= budget:
            return Assembly(messages, _in_order(draft, recipe))
        draft = _less(draft)


def _fitting(
    examples: Sequence[Example],
    recipe: Recipe,
    passages: Sequence[Passage],
    room: int,
    services: Services,
) -> tuple[tuple[Example, ...], int]:
    """The first examples that leave room for the best passage, and their tokens."""
    tokens, spent = services.tokens, 0
    if passages and recipe.retrieval:
        room -= min(cost_of(passages[0], tokens), recipe.retrieval.context_tokens)
    for n, example in enumerate(examples):
        cost = sum(
            _PER_TURN + tokens.count(turn["content"])
            for turn in turns_of(example, recipe.template, tokens, **_arranged(recipe))
        )
        if spent + cost > room:
            return tuple(examples[:n]), spent
        spent += cost
    return tuple(examples), spent


def _fill(
    question: Question, recipe: Recipe, passages: Sequence[Passage], room: int, tokens: ModelTokens
) -> _Draft:
    profile = recipe.retrieval
    if profile is None:
        return _Draft(history=_latest(question.history, room, tokens))
    most = min(room, profile.context_tokens)
    return _Draft(passages=pack(passages, most, tokens, cut_last=profile.cut_last))


def _less(draft: _Draft) -> _Draft:
    """Without the oldest turns, or else the last passage but the best, or else the last example."""
    if draft.history:
        return replace(draft, history=_from_user(draft.history[1:]))
    if draft.examples and len(draft.passages) <= 1:
        return replace(draft, examples=draft.examples[:-1])
    return replace(draft, passages=draft.passages[:-1])


def _cost(draft: _Draft, tokens: ModelTokens) -> int:
    """Tokens of passages and history in a prompt, at most: not every prompt shows titles."""
    titles = (f"{each.chunk.title} {each.chunk.section or ''}" for each in draft.passages)
    return (
        sum(cost_of(passage, tokens) for passage in draft.passages)
        + sum(_PER_TITLE + tokens.count(tokens.plain(title)) for title in titles)
        + sum(_cost_of_turn(turn, tokens) for turn in draft.history)
    )


def _cost_of_turn(turn: Turn, tokens: ModelTokens) -> int:
    return _PER_TURN + tokens.count(tokens.plain(turn.content))


def _in_order(draft: _Draft, recipe: Recipe) -> tuple[Passage, ...]:
    return arrange(draft.passages, recipe.retrieval) if recipe.retrieval else ()


def _render(question: Question, recipe: Recipe, draft: _Draft, services: Services) -> list[Message]:
    """The messages. Only the prompt's own words can be special tokens: all else is made plain."""
    plain = services.tokens.plain
    passages = [
        {
            "title": plain(passage.chunk.title),
            "section": plain(passage.chunk.section) if passage.chunk.section else None,
            "text": plain(passage.chunk.text),
        }
        for passage in _in_order(draft, recipe)
    ]
    variables: dict[str, Any] = {
        "question": plain(question.text),
        "instructions": plain(question.instructions),
        "history": [Turn(turn.role, plain(turn.content)) for turn in draft.history],
        "passages": passages,
        "fence": services.fence.mark(
            question.text, [str(text) for passage in passages for text in passage.values()]
        ),
    }
    messages = render(recipe.template, **variables, **_arranged(recipe))
    few_shot = recipe.few_shot
    # The most similar stands last, next to the question; those that are always the same stay in their order.
    examples = reversed(draft.examples) if few_shot and few_shot.picked == "similar" else draft.examples
    turns = [
        turn
        for example in examples
        for turn in turns_of(example, recipe.template, services.tokens, **_arranged(recipe))
    ]
    return with_turns(messages, turns)


def _arranged(recipe: Recipe) -> dict[str, bool]:
    """Tells the prompt where the recipe has ordered the passages."""
    return {"arranged": True} if recipe.retrieval and recipe.retrieval.order != "prompt" else {}


def _latest(history: Sequence[Turn], room: int, tokens: ModelTokens) -> tuple[Turn, ...]:
    """The newest turns that fit, oldest first, beginning with one of the user's."""
    kept: list[Turn] = []
    for turn in reversed(history):
        room -= _cost_of_turn(turn, tokens)
        if room < 0:
            break
        kept.append(turn)
    return _from_user(tuple(reversed(kept)))


def _from_user(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    first = next((place for place, turn in enumerate(turns) if turn.role == "user"), len(turns))
    return turns[first:]
