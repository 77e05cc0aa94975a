"""One forward pass at a time, a question before any batch of documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class ForwardGate:
    """A lock with a fast lane.

    A plain lock is not fair: an ingestion that lets go of it and takes it again at once would keep a
    question waiting to its end. Here a question waits for one batch at most.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._busy = False
        self._questions = 0

    @contextmanager
    def for_question(self) -> Iterator[None]:
        """Pass as soon as the running pass ends."""
        with self._condition:
            self._questions += 1
            try:
                self._condition.wait_for(lambda: not self._busy)
                self._busy = True
            finally:
                self._questions -= 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def for_documents(self) -> Iterator[None]:
        """Pass when nothing runs and no question waits."""
        with self._condition:
            self._condition.wait_for(lambda: not self._busy and not self._questions)
            self._busy = True
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._condition:
            self._busy = False
            self._condition.notify_all()
