"""Makes a follow-up stand alone, so that it can be searched for."""

import re

from server.answering.generate import ticket_of
from server.answering.rewrite import rewrite
from server.answering.support import content_words
from server.answering.types import Question, Turn
from server.services import Services
from tandem.recipes import Recipe

_REFERRING = re.compile(
    r"\b(it|its|they|them|their|that|this|these|those|he|she|his|her|there|one|ones|same|also|else|instead)\b",
    re.I,
)
_WORD = re.compile(r"\w+")
_SHORT = 4
"""A question of so few words ("And on Windows?") rarely stands alone."""
_TURNS = 4
_TURN_CHARS = 400
"""Of the conversation the model sees the end, each turn cut: the topic is there, and it must be quick."""
_TOKENS = 64
_LABEL = re.compile(r"^\W*(?:user|(?:(?:rewritten|stand-?alone|last)\s+)?question)\s*:\s*", re.I)


async def condense(question: Question, recipe: Recipe, services: Services) -> str:
    """The text to search for: the question itself where it stands alone, else as the recipe condenses it.

    `join` puts the question before it in front. `model` has the model write one question of both, and joins
    them where that fails, takes too long, or gives something else. Only the search uses the result: the prompt
    has the question in its own words.
    """
    how = recipe.retrieval.rewriting.condense if recipe.retrieval else "off"
    if how == "off" or stands_alone(question):
        return question.text
    joined = join(question)
    if how == "join":
        return joined
    history = [Turn(turn.role, turn.content[:_TURN_CHARS]) for turn in question.history[-_TURNS:]]
    text = await rewrite(
        "condense",
        question.text,
        recipe,
        services,
        max_tokens=_TOKENS,
        history=history,
        ticket=ticket_of(question),
        salt=services.salting.of(question.caller.tenant),
    )
    return _usable(text, joined) or joined


def stands_alone(question: Question) -> bool:
    """Whether nothing was asked before, or the question does not lean on it."""
    return not _asked_before(question) or not _leans_back(question.text)


def join(question: Question) -> str:
    """The question before, and this one: the search wants the words of the topic, and the former has them."""
    return f"{_asked_before(question)[-1]}\n{question.text}"


def _usable(text: str | None, joined: str) -> str | None:
    """The first line that the model wrote, if it is a whole question about the same things."""
    line = next((line for line in (text or "").splitlines() if line.strip()), "")
    line = _LABEL.sub("", line).strip().strip("\"'“”").strip()
    words = set(content_words(line))
    # A question, of words that were said: a model that answers, or invents a topic, is not followed.
    if (
        not line.endswith("?")
        or _leans_back(line)
        or len(words & set(content_words(joined))) < max(1, len(words) / 2)
    ):
        return None
    return line


def _asked_before(question: Question) -> list[str]:
    return [turn.content for turn in question.history if turn.role == "user"]


def _leans_back(text: str) -> bool:
    return len(_WORD.findall(text)) <= _SHORT or _REFERRING.search(text) is not None
