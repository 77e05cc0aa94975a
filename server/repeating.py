"""Steps that a server takes again and again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from tandem.errors import TandemError

log = structlog.get_logger(__name__)


async def repeat(step: Callable[[], Awaitable[None]], failed: str, every_s: float) -> None:
    """Take `step` every `every_s` seconds, until cancelled. What keeps it from its end is logged once, as `failed`;
    what was so before stays so.
    """
    said = ""
    while True:
        try:
            await step()
            said = ""
        except TandemError as error:
            if error.message != said:
                log.warning(failed, error=error.message, hint=error.hint)
            said = error.message
        await asyncio.sleep(every_s)
