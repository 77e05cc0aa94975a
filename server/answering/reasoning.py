"""Keeps a model's reasoning apart from its answer, as the text streams in."""

from dataclasses import dataclass

from tandem.recipes import ReasoningMarks


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a stream, sorted."""

    reasoning: str = ""
    answer: str = ""


class ReasoningSplitter:
    """Splits one stream. Feed it text, then `finish` it.

    Reasoning is what stands between the marks, at the beginning; where nothing opens it (`opened`, or an
    empty mark), the stream begins within it. What is never closed is reasoning to its end: a model that
    was cut off while it thought has not answered.
    """

    def __init__(self, marks: ReasoningMarks | None, *, opened: bool = False) -> None:
        self._opens = marks.opens if marks and not opened else ""
        self._closes = marks.closes if marks else ""
        self._where = "answer" if not self._closes else "before" if self._opens else "inside"
        self._held = ""
        self._begun = False

    def feed(self, text: str) -> Piece:
        """Take the next text; returns what is certain now. The start of a mark is held back."""
        self._held += text
        if self._where == "before":
            start = self._held.lstrip()
            if start.startswith(self._opens):
                self._held, self._where = start[len(self._opens) :], "inside"
            elif self._opens.startswith(start):
                return Piece()
            else:
                self._where = "answer"
        if self._where == "inside":
            return self._inside()
        return Piece(answer=self._answer())

    def finish(self) -> Piece:
        """The stream has ended; returns the rest."""
        rest, self._held = self._held, ""
        if self._where == "inside":
            return Piece(reasoning=rest)
        return Piece(answer=rest if rest.strip() or self._begun else "")

    def _inside(self) -> Piece:
        reasoning, closed, rest = self._held.partition(self._closes)
        if closed:
            self._held, self._where = rest, "closed"
            return Piece(reasoning, self._answer())
        kept = next(n for n in range(len(self._closes), -1, -1) if self._held.endswith(self._closes[:n]))
        cut = len(self._held) - kept
        reasoning, self._held = self._held[:cut], self._held[cut:]
        return Piece(reasoning)

    def _answer(self) -> str:
        """What is held, without the white space between reasoning and answer."""
        text = self._held if self._begun or self._where == "answer" else self._held.lstrip()
        self._begun = self._begun or bool(text)
        self._held = ""
        return text
