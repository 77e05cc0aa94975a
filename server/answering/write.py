"""Follows what the model writes to one question, as it may be shown."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from server.answering.reasoning import Piece
from server.answering.show import Shown
from server.answering.timings import Timings
from server.answering.types import ReasoningDelta, TextDelta
from tandem.engine import ChatDelta
from tandem.errors import EngineBrokeOffError
from tandem.vocabulary import Citation

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Written:
    """What was shown so far; nothing, where the model was not asked."""

    text: str = ""
    reasoning: str = ""
    citations: tuple[Citation, ...] = ()
    cited: float | None = None
    """Share of what the model claimed that carries a mark."""
    prompted: tuple[str, ...] = ()
    """Ids of the chunks that the model saw."""
    last: ChatDelta = field(default_factory=lambda: ChatDelta("", "stop", 0, 0))

    async def follow_anew(
        self, ask: Callable[[], AsyncGenerator[ChatDelta, None]], show: Callable[[], Shown], timings: Timings
    ) -> AsyncGenerator[TextDelta | ReasoningDelta, None]:
        """As `follow`, begun once more where the engine was lost before anything was shown: a sentence is held back
        until it is whole and cited, and another replica may write it.
        """
        again = True
        while True:
            try:
                async with aclosing(self.follow(ask(), show(), timings)) as pieces:
                    async for piece in pieces:
                        yield piece
            except EngineBrokeOffError as error:
                if not again or self.text or self.reasoning:
                    raise
                log.warning("the answer is begun anew", error=error.message)
                again = False
            else:
                return

    async def follow(
        self, deltas: AsyncGenerator[ChatDelta, None], shown: Shown, timings: Timings
    ) -> AsyncGenerator[TextDelta | ReasoningDelta, None]:
        """The pieces that may be shown. Raises what the engine's stream does, which is closed with this one."""
        async with aclosing(deltas):
            async for delta in deltas:
                timings.mark("first_token")
                self.last = delta
                for event in self._shown(shown.feed(delta)):
                    yield event
                if shown.ended:
                    break
        for event in self._shown(shown.finish()):
            yield event
        self.citations, self.cited = shown.citations, shown.cited

    def _shown(self, piece: Piece) -> Iterator[TextDelta | ReasoningDelta]:
        self.reasoning += piece.reasoning
        self.text += piece.answer
        if piece.reasoning:
            yield ReasoningDelta(piece.reasoning)
        if piece.answer:
            yield TextDelta(piece.answer)
