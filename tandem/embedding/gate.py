"""As many forward passes at a time as the model has places, a question before any batch of documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class ForwardGate:
    """A lock with a fast lane.

    A plain lock is not fair: an ingestion that lets go of it and takes it again at once would keep a
    question waiting to its end. Here a question waits for one batch at most.
    """

    def __init__(self, places: int = 1) -> None:
        self._condition = Condition()
        self._free = places
        self._questions = 0

    @contextmanager
    def for_question(self) -> Iterator[None]:
        """Pass as soon as a running pass ends."""
        with self._condition:
            self._questions += 1
            try:
                self._condition.wait_for(lambda: self._free)
                self._free -= 1
            finally:
                self._questions -= 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def for_documents(self) -> Iterator[None]:
        """Pass when a place is free and no question waits."""
        with self._condition:
            self._condition.wait_for(lambda: self._free > self._questions)
            self._free -= 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._condition:
            self._free += 1
            self._condition.notify_all()
