"""One vLLM: whether it is up, what is known to be loaded there, and how much it has to do."""

import asyncio
from collections.abc import Callable

import structlog

from tandem.engine.client import EngineClient
from tandem.engine.state import EngineState
from tandem.settings import EngineSettings

log = structlog.get_logger(__name__)

STARTING_POLL_S = 0.25
READY_POLL_S = 2.0
_MISSES = 2


class Replica:
    """One vLLM with a client, a breaker and knowledge of its own. Of one event loop."""

    def __init__(self, address: str, settings: EngineSettings) -> None:
        self.address = address
        self.client = EngineClient(address, settings)
        self.state = EngineState.STARTING
        self.starts = 0
        """Times that it became ready. What was loaded while it ran is gone after the next."""
        self.asked = 0
        """Chats of this process that are there now."""
        self.adapters: dict[str, float] = {}
        """When each registered adapter that it is known to have was last used, by its name at the engine."""
        self.doubted: set[str] = set()
        """Adapters in whose name it answered with another model; they are loaded anew."""

    @property
    def is_ready(self) -> bool:
        """Whether it serves, as far as its health says."""
        return self.state is EngineState.READY

    def become(self, state: EngineState) -> None:
        """Take a state. What was loaded is not known of one that is ready anew: it may be another process."""
        if state is self.state:
            return
        self.state = state
        if state is EngineState.READY:
            self.starts += 1
            self.adapters.clear()
            self.doubted.clear()

    def lose(self, model: str) -> None:
        """It does not have this adapter, whatever was known."""
        self.adapters.pop(model, None)

    async def follow(self, told: Callable[[], None]) -> None:
        """Watch one that somebody else runs, and call `told` after each look. One missed look may be a busy moment."""
        misses = 0
        while True:
            if await self.client.healthy():
                misses = 0
                self.become(EngineState.READY)
            else:
                misses += 1
                if misses >= _MISSES and self.is_ready:
                    log.warning("engine lost", address=self.address)
                    self.become(EngineState.RESTARTING)
            told()
            await asyncio.sleep(READY_POLL_S if self.is_ready and misses == 0 else STARTING_POLL_S)

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        self.state = EngineState.STOPPED
        await self.client.close()
