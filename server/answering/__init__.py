"""The way of a question, one module a step. `answer` reads from top to bottom as that way."""

from server.answering.answer import answer
from server.answering.cache import answer_or_replay
from server.answering.types import Answer, Question, ReasoningDelta, TextDelta, Turn

__all__ = ["Answer", "Question", "ReasoningDelta", "TextDelta", "Turn", "answer", "answer_or_replay"]
