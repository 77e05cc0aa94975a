"""Questions that are asked at the same time are embedded together."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from tandem.errors import UnavailableError

if TYPE_CHECKING:
    from tandem.embedding.gate import ForwardGate
    from tandem.index.protocol import Vector


@dataclass(frozen=True, slots=True)
class _Asked:
    text: str
    vector: "Future[Vector]"


class QuestionBatches:
    """What waits while a batch runs goes into the next; where nothing runs, a question goes at once.

    There are as many lanes as passes that may run side by side. A lane takes its share of what waits, so that
    none stands idle while another has much to do. Any thread may call.
    """

    def __init__(
        self, embed: "Callable[[Sequence[str]], Vector]", gate: "ForwardGate", lanes: int, most: int
    ) -> None:
        """`embed` gives vectors of shape `(len(texts), dimension)`.

        It is called by one thread a lane, within the `gate`, with `most` texts at most.
        """
        self._embed = embed
        self._gate = gate
        self._lanes = lanes
        self._most = most
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="embed-questions")
        self._lock = Lock()
        self._waiting: deque[_Asked] = deque()
        self._busy = 0
        self._open = True

    def ask(self, text: str) -> "Future[Vector]":
        """The vector to come, of shape `(dimension,)`. Cancelling it harms no other.

        It raises what `embed` raises for this text. Raises `RuntimeError` once it is closed.
        """
        asked = _Asked(text, Future())
        with self._lock:
            # Both under the lock under which a lane sees that nothing waits: no question is left to nobody.
            if not self._open:
                raise RuntimeError("The embedder is closed")
            if self._busy < self._lanes:
                self._threads.submit(self._serve)
                self._busy += 1
            self._waiting.append(asked)
        return asked.vector

    def close(self) -> None:
        """End the threads; what still waits is cancelled. Safe to call twice."""
        with self._lock:
            self._open = False
        self._threads.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            left, self._waiting = self._waiting, deque()
        for asked in left:
            asked.vector.cancel()

    def _serve(self) -> None:
        while True:
            with self._gate.for_question():
                # Taken behind the gate: who came while this lane stood before it comes along.
                self._answer(self._take())
            with self._lock:
                if not self._waiting:
                    self._busy -= 1
                    return

    def _take(self) -> list[_Asked]:
        """This lane's share of those that wait longest, without those that have given up."""
        with self._lock:
            count = min(self._most, -(-len(self._waiting) // self._lanes))
            taken = [self._waiting.popleft() for _ in range(count)]
        return [asked for asked in taken if asked.vector.set_running_or_notify_cancel()]

    def _answer(self, batch: list[_Asked]) -> None:
        if not batch:
            return
        try:
            vectors = self._embed([asked.text for asked in batch])
        except Exception as error:  # noqa: BLE001 - raised in the one who asked
            if len(batch) == 1 or isinstance(error, UnavailableError):
                # A model that is out of reach is so for all of them, and was tried often enough.
                for asked in batch:
                    asked.vector.set_exception(error)
                return
            # It may be the fault of one text alone.
            for asked in batch:
                self._answer([asked])
            return
        for asked, vector in zip(batch, vectors, strict=True):
            asked.vector.set_result(vector)
