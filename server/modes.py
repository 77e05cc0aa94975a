"""How all servers answer, by what is set in the store: followed within a second, whoever changes it."""

import structlog

from tandem.store import Store
from tandem.threads import in_thread

log = structlog.get_logger(__name__)


class Modes:
    """The modes of one server."""

    def __init__(self) -> None:
        self.degraded = False
        """Whether every answer is to be of passages alone."""

    async def follow(self, store: Store) -> None:
        """Take over what the store says. Raises what the store raises; then the modes stay as they are."""
        degraded = await in_thread(store.forced_degraded)
        if degraded != self.degraded:
            log.warning("forced_degraded" if degraded else "degraded_no_longer")
        self.degraded = degraded
