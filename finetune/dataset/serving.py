"""What a training set needs of serving, so that a model learns from just what it will be asked.

`finetune` does not know `server`: the command line hands in the real thing.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tandem.prompts import Message
from tandem.vocabulary import Passage


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document of the corpus."""

    uri: str
    ids: frozenset[str]
    """Its own id, and that of the document that is searched in its place where it is a duplicate."""
    text: str
    licence: str
    """Empty where its metadata names none."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it is sent to the engine, and the passages in it: number n stands at n - 1."""

    messages: tuple[Message, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Cited:
    """What serving shows of an answer, and what it cites."""

    text: str
    quotes: tuple[tuple[str, int, int], ...]
    """Document id, start and end of each quote, in characters of the document."""


class Serving(Protocol):
    """A recipe that retrieves, as it serves one corpus."""

    passages: int
    """Passages that it retrieves for a question."""
    numbered: bool
    """Whether its prompt shows the passages' numbers."""
    abstention: str
    """What it answers where it knows no answer."""

    def documents(self, names: Iterable[str]) -> dict[str, SourceDocument]:
        """The documents by the ids or addresses that they are asked for by; unknown ones are left out."""

    async def retrieve(self, question: str, besides: frozenset[str], most: int) -> list[Passage]:
        """The best passages, best first, none of the documents with the ids `besides`."""

    async def asks(self, question: str, passages: Sequence[Passage]) -> bool:
        """Whether the model is asked; it is not where the evidence of the passages is too weak."""

    def chunks(self) -> AsyncGenerator[Passage, None]:
        """Every chunk of the corpus that counts, as it is read where it is found."""

    def assemble(self, question: str, passages: Sequence[Passage]) -> Prompt:
        """The prompt with as many of the passages as its budget holds. Raises `TooLargeError`."""

    def closed(self, question: str) -> Prompt:
        """The prompt of the recipe that answers without passages."""

    def cite(self, answer: str, passages: Sequence[Passage]) -> Cited:
        """What is shown of the model's answer."""

    def count(self, messages: Sequence[Message], answer: str) -> tuple[int, int]:
        """Tokens of the prompt, as the engine makes it of the messages, and of the answer."""
