"""Makes a follow-up stand alone, so that it can be searched for."""

import re

from server.answering.types import Question

_REFERRING = re.compile(
    r"\b(it|its|they|them|their|that|this|these|those|he|she|his|her|there|one|ones|same|also|else|instead)\b",
    re.I,
)
_WORD = re.compile(r"\w+")
_SHORT = 4
"""A question of so few words ("And on Windows?") rarely stands alone."""


def condense(question: Question) -> str:
    """The question with the one before it, where it leans on it; else the question itself.

    No model is asked: the search wants the words of the topic, and the question before has them. Only the
    search uses the result; the prompt has the question in its own words.
    """
    before = [turn.content for turn in question.history if turn.role == "user"]
    if not before or not _leans_back(question.text):
        return question.text
    return f"{before[-1]}\n{question.text}"


def _leans_back(text: str) -> bool:
    return len(_WORD.findall(text)) <= _SHORT or _REFERRING.search(text) is not None
