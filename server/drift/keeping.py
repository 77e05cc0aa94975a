"""Keeps the vector of each answered question, behind the answers: gathered, and written a few at a time."""

from collections import deque
from collections.abc import Sequence

import numpy as np
import structlog

from server.answering.types import Answered
from server.drift.sample import bytes_of
from server.services import Services
from tandem.store import QuestionVector
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_WAITING = 2_000
"""Most answers that wait; beyond them the oldest goes without a vector, rather than memory."""
_AT_ONCE = 64


class VectorKeeper:
    """Hears of every answer of one server. For one event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: deque[Answered] = deque(maxlen=_WAITING)
        services.events.subscribe(self.hear)

    def hear(self, event: object) -> None:
        """Remember what was answered; a shadow's question is already the answer's that was seen."""
        if isinstance(event, Answered) and not event.observation.shadow:
            self._waiting.append(event)

    async def keep(self) -> None:
        """Write what waits. A question that retrieval has embedded is not embedded again; the others (of recipes
        without retrieval, and of kept answers) are embedded here, after their answer.

        Raises what the store and the embedder raise; what was taken then goes without vectors.
        """
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            rows = await self._rows(some)
            await in_thread(self._services.store.add_question_vectors, rows)

    async def _rows(self, events: Sequence[Answered]) -> list[QuestionVector]:
        rows = []
        with self._services.live.reading() as collection:
            for event in events:
                embedder, vector = event.embedder, event.vector
                if vector is None:
                    embedder = collection.embedder.fingerprint
                    vector = await collection.embedder.embed_query(event.question.text)
                seen = event.observation
                kept = bytes_of(np.asarray(vector, np.float32))
                rows.append(QuestionVector(seen.trace_id, seen.tenant, seen.at, embedder, kept))
        return rows
