"""What is shown of the model's stream: its reasoning apart, its answer cited."""

from server.answering.cite import Citer
from server.answering.cite_json import JsonCiter
from server.answering.reasoning import Piece, ReasoningSplitter
from server.answering.types import Question
from tandem.engine import ChatDelta
from tandem.recipes import Recipe
from tandem.tokens import ModelTokens
from tandem.vocabulary import Citation, Passage


class Shown:
    """Follows one answer. Feed it the engine's deltas, then `finish` it."""

    def __init__(
        self, question: Question, recipe: Recipe, passages: tuple[Passage, ...], tokens: ModelTokens
    ) -> None:
        marks, profile = recipe.reasoning, recipe.retrieval
        opened = marks is not None and bool(marks.opens) and tokens.reply.rstrip().endswith(marks.opens)
        self._splitter = ReasoningSplitter(marks, opened=opened)
        citer = JsonCiter if question.response_format else Citer
        # Only answers from passages are cited; the other recipes stream as they come.
        self._citer = citer(passages, mode=profile.citing, support=profile.support) if profile else None
        self._inclined = recipe.abstaining is not None

    def feed(self, delta: ChatDelta) -> Piece:
        """What may be shown after this delta."""
        piece = self._splitter.feed(delta.text)
        answer = self._citer.feed(piece.answer) if self._citer else piece.answer
        return Piece(delta.reasoning + piece.reasoning, answer)

    def finish(self) -> Piece:
        """The engine has ended; returns the rest."""
        piece = self._splitter.finish()
        answer = self._citer.feed(piece.answer) + self._citer.finish() if self._citer else piece.answer
        return Piece(piece.reasoning, answer)

    @property
    def ended(self) -> bool:
        """Whether nothing new is to be expected: the model repeats itself, or has decided not to answer.

        The latter of a model that was inclined to: the engine adds the bias to every token, and where it is large the
        model cannot end what it has begun.
        """
        citer = self._citer
        return citer is not None and (citer.loops or (self._inclined and citer.abstains))

    @property
    def citations(self) -> tuple[Citation, ...]:
        """One for each mark in the text so far, or for each passage that supports a JSON answer."""
        return self._citer.citations if self._citer else ()

    @property
    def cited(self) -> float | None:
        """Share of what the model claimed that carries a mark; `None` where nothing is cited."""
        return self._citer.cited if self._citer else None
