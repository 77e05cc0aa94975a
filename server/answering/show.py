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
        self,
        question: Question,
        recipe: Recipe,
        passages: tuple[Passage, ...],
        tokens: ModelTokens,
        *,
        inclined: bool = False,
    ) -> None:
        """`inclined`: whether the engine was told to incline towards "I don't know"."""
        marks, profile = recipe.reasoning, recipe.retrieval
        opened = marks is not None and bool(marks.opens) and tokens.reply.rstrip().endswith(marks.opens)
        self._splitter = ReasoningSplitter(marks, opened=opened)
        # Only answers from passages are cited; the other recipes stream as they come.
        self._citer: Citer | JsonCiter | None = None
        if profile and question.response_format:
            self._citer = JsonCiter(passages, mode=profile.citing, support=profile.support)
        elif profile:
            self._citer = Citer(passages, mode=profile.citing, support=profile.support, inclined=inclined)

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
        """Whether nothing new is to be expected: the model repeats itself, or has given up.

        The engine adds a bias at every place of the answer, not at the first alone: where it is large, a model that has
        begun with "I don't know" cannot end.
        """
        return self._citer is not None and (self._citer.loops or self._citer.gave_up)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """One for each mark in the text so far, or for each passage that supports a JSON answer."""
        return self._citer.citations if self._citer else ()

    @property
    def cited(self) -> float | None:
        """Share of what the model claimed that carries a mark; `None` where nothing is cited."""
        return self._citer.cited if self._citer else None
