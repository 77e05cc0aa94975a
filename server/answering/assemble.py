"""Builds the prompt: packs passages and history into the context that the model has."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.answering.types import Question, Turn
from server.services import Services
from tandem.errors import TooLargeError
from tandem.prompts import Message
from tandem.recipes import Recipe
from tandem.tokens import TokenCounter
from tandem.vocabulary import Passage

_OVERHEAD = 200
"""Tokens kept for the template's own words and the chat format."""
_PER_PASSAGE = 8
"""Tokens of a passage's number and line breaks."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A prompt, and the passages in it: the first is [1]."""

    messages: list[Message]
    passages: tuple[Passage, ...]


def assemble(
    question: Question, recipe: Recipe, passages: Sequence[Passage], max_tokens: int, services: Services
) -> Assembly:
    """The recipe's prompt with as many passages, and as much history, as the context holds.

    Raises `TooLargeError` when the question alone does not fit beside an answer of `max_tokens`.
    """
    count = services.count_tokens
    engine = services.settings.engine
    room = (
        engine.context_tokens - max_tokens - _OVERHEAD - count(question.text) - count(question.instructions)
    )
    if room < 0:
        raise TooLargeError(
            f"The question and an answer of {max_tokens} tokens do not fit "
            f"into the context of {engine.context_tokens} tokens",
            param="messages",
            hint="Ask a shorter question, or for a shorter answer with max_tokens.",
        )
    most = min(room, recipe.retrieval.context_tokens) if recipe.retrieval else 0
    packed = _pack(passages, most, count)
    variables = {
        "question": question.text,
        "instructions": question.instructions,
        "history": [] if recipe.retrieval else _latest(question.history, room, count),
        "passages": [
            {"title": p.chunk.title, "section": p.chunk.section, "text": p.chunk.text} for p in packed
        ],
    }
    return Assembly(services.prompts.render(recipe.prompt, **variables), packed)


def _pack(passages: Sequence[Passage], room: int, count: TokenCounter) -> tuple[Passage, ...]:
    """Best first, each whole, until one does not fit."""
    packed = []
    for passage in passages:
        chunk = passage.chunk
        room -= _PER_PASSAGE + count(chunk.text) + count(f"{chunk.title} {chunk.section or ''}")
        if room < 0:
            break
        packed.append(passage)
    return tuple(packed)


def _latest(history: Sequence[Turn], room: int, count: TokenCounter) -> list[Turn]:
    """The newest turns that fit, oldest first, beginning with one of the user's."""
    kept: list[Turn] = []
    for turn in reversed(history):
        room -= _PER_PASSAGE + count(turn.content)
        if room < 0:
            break
        kept.append(turn)
    kept.reverse()
    while kept and kept[0].role != "user":
        del kept[0]
    return kept
