"""A search that cannot be made is told at once, and is not tried by every question."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tandem.breaker import Breaker
from tandem.errors import StorageError, TandemError, UnavailableError

_RETRY_AFTER_S = 5


@asynccontextmanager
async def guarded(breaker: Breaker, patience_s: float | None) -> AsyncIterator[None]:
    """A block that reads from index and store, and is given up after `patience_s` seconds.

    Raises `UnavailableError` for what they refuse, and at once while they have failed for the last questions.
    """
    if not breaker.admits():
        raise UnavailableError(
            "The documents could not be searched several times in a row, and are left alone for a moment",
            hint="They are tried again by themselves. See the server's log and /readyz.",
            retry_after=breaker.retry_after,
        )
    try:
        async with asyncio.timeout(patience_s):
            yield
    except StorageError as error:
        breaker.failed()
        raise UnavailableError(
            f"The documents cannot be searched: {error.message}", hint=error.hint, retry_after=_RETRY_AFTER_S
        ) from error
    except TimeoutError as error:
        breaker.failed()
        raise UnavailableError(
            "The store does not answer in time", hint="See the database server.", retry_after=_RETRY_AFTER_S
        ) from error
    except UnavailableError:
        breaker.failed()
        raise
    except TandemError:
        breaker.succeeded()  # the request is to blame, and they have said so
        raise
    breaker.succeeded()
