"""Counts hits that an engine brought from another tenant: they are dropped, and somebody must hear of it."""

import threading


class ForeignHits:
    """How many there were since somebody last asked; any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def add(self, count: int) -> None:
        """Note that so many were dropped."""
        with self._lock:
            self._count += count

    def taken(self) -> int:
        """How many since the last call: each is told once."""
        with self._lock:
            count, self._count = self._count, 0
        return count
