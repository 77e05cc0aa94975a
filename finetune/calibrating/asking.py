"""The prompts that serving makes of held-out questions: with their documents there, and with them left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from finetune.dataset.located import Located
from finetune.dataset.serving import Prompt
from tandem.prompts import Message
from tandem.vocabulary import Passage


class Served(Protocol):
    """A recipe that retrieves, as it serves one corpus: what is needed of it here."""

    passages: int
    """Passages that it retrieves for a question."""

    async def retrieve(self, question: str, besides: frozenset[str], most: int) -> list[Passage]:
        """The best passages, best first, none of the documents with the ids `besides`."""

    async def evidence(self, question: str, passages: Sequence[Passage]) -> float:
        """The probability, in [0, 1], that the passages hold the answer."""

    def assemble(self, question: str, passages: Sequence[Passage]) -> Prompt:
        """The prompt with as many of the passages as its budget holds. Raises `TooLargeError`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt, and what is known of its question."""

    id: str
    messages: tuple[Message, ...]
    evidence: float
    answerable: bool
    """Whether its documents were there to be found; whether they were found is another matter."""
    question: str
    """The id of its question."""


async def ask_twice(
    questions: Sequence[Located], serving: Served, moved: Callable[[int, int], None]
) -> list[Asked]:
    """Two prompts of each question that has an answer, one of each that has none, or that another document answers, too.

    Left out is what brings no passage at all: there the model is not asked. `moved` is told how many questions are
    done, of how many.
    """
    asked: list[Asked] = []
    for done, one in enumerate(questions, start=1):
        text = one.question.question
        tells_both = one.question.answerable and not one.question.elsewhere
        for left_out in (False, True) if tells_both else (False,):
            passages = await serving.retrieve(text, one.ids if left_out else frozenset(), serving.passages)
            if passages:
                asked.append(
                    Asked(
                        id=f"{one.question.id}{' without' if left_out else ''}",
                        messages=serving.assemble(text, passages).messages,
                        evidence=await serving.evidence(text, passages),
                        answerable=one.question.answerable and not left_out,
                        question=one.question.id,
                    )
                )
        moved(done, len(questions))
    return asked
