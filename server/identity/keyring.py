"""The keys in memory, never older than a second.

A request compares with what is here and does not ask the database. A step of the server reads what has changed
since the last look, a few times a second; where that step does not come to it, the request itself looks first,
so that a revoked key never holds longer, and where nobody can look, no key holds.
"""

import asyncio
import hmac
import time
from datetime import UTC, datetime, timedelta

import structlog

from tandem.errors import TandemError, UnavailableError
from tandem.keys import KeyText
from tandem.store import ApiKey, Store
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

FOLLOW_S = 0.3
"""Seconds between two looks at what has changed."""
_OLDEST_S = 0.8
"""Age from which a request looks for itself."""
_NEW_KEY_S = 0.1
"""Least time between two looks for ids that are not known here: a key made elsewhere works at once, and strangers
who make ids up cause no more than ten looks a second."""
_PATIENCE_S = 5.0
_NOTED_EVERY = timedelta(minutes=1)


class Keyring:
    """Follows the keys of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[str, ApiKey] = {}
        self._newest = 0
        self._looked = float("-inf")
        self._looking = asyncio.Lock()
        self._used: dict[str, datetime] = {}
        self._noted: dict[str, datetime] = {}

    async def find(self, text: KeyText) -> ApiKey | None:
        """The key, if its secret is right and it holds now. Raises `UnavailableError` and `StorageError` where
        the keys cannot be read.
        """
        arrived = time.monotonic()
        if arrived - self._looked > _OLDEST_S:
            await self._look(arrived - _OLDEST_S)
        key = self._keys.get(text.id)
        if key is None:
            await asyncio.sleep(max(0.0, self._looked + _NEW_KEY_S - arrived))
            await self._look(arrived)
            key = self._keys.get(text.id)
        now = datetime.now(UTC)
        if key is None or not _opens(key, text.hash, now) or key.state(now) != "active":
            return None
        self._used[key.id] = now
        return key

    async def refresh(self) -> None:
        """Take over what has changed up to now."""
        await self._look(time.monotonic())

    async def follow(self) -> None:
        """Take over what has changed, and note the uses of keys that are due."""
        await self.refresh()
        due = self._due(_NOTED_EVERY)
        if due:
            await self._note(due)

    async def close(self) -> None:
        """Note all uses, if the store lets us."""
        if due := self._due(timedelta()):
            try:
                await self._note(due)
            except TandemError as error:
                log.warning("key_uses_not_noted", error=error.message)

    async def _look(self, unless_since: float) -> None:
        """Take over what has changed, unless somebody has since that moment: who waits here shares one look."""
        async with self._looking:
            if self._looked >= unless_since:
                return
            # The keys are as they were when the look began, whenever it ends.
            begun = time.monotonic()
            try:
                changed = await asyncio.wait_for(in_thread(self._changed), _PATIENCE_S)
            except TimeoutError as error:
                raise UnavailableError("Keys cannot be read now", hint="Try again.", retry_after=1) from error
            for key in changed:
                self._keys[key.id] = key
                self._newest = max(self._newest, key.changed)
            self._looked = begun

    def _changed(self) -> list[ApiKey]:
        changed = self._store.keys_changed(self._newest)
        if changed is None:
            self._keys, self._newest = {}, 0
            changed = self._store.keys_changed(0) or []
        return changed

    def _due(self, age: timedelta) -> dict[str, datetime]:
        long_ago = datetime.min.replace(tzinfo=UTC)
        return {
            known: moment
            for known, moment in self._used.items()
            if moment - self._noted.get(known, long_ago) > age
        }

    async def _note(self, due: dict[str, datetime]) -> None:
        # Taken as noted first: a store that refuses is tried again with the next use, not three times a second.
        self._noted |= due
        await in_thread(self._store.use_keys, due)


def _opens(key: ApiKey, digest: str, now: datetime) -> bool:
    """Whether the secret is the key's, or the one before while that holds. Takes as long for either answer."""
    fits = hmac.compare_digest(key.hash, digest)
    fits_old = key.old_hash is not None and hmac.compare_digest(key.old_hash, digest)
    return fits or (fits_old and key.old_until is not None and now < key.old_until)
