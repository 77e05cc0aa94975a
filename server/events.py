"""What happens in this server, told to whoever watches: monitors, experiments, drift."""

from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Events(Generic[T]):
    """Tells every listener of every event, in the order in which they come. Of one event loop."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[T], None]] = []

    def subscribe(self, listener: Callable[[T], None]) -> None:
        """Let `listener` hear of all that happens from now on. It runs on the event loop, so it must be quick."""
        self._listeners.append(listener)

    def publish(self, event: T) -> None:
        """Tell everybody. A listener that fails is logged: no answer may fail because somebody watches."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("listener_failed", listener=getattr(listener, "__qualname__", repr(listener)))
