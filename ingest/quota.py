"""Refuses documents of a tenant whose corpora are as large as they may be, before any work is done for them."""

import time
from dataclasses import dataclass

from tandem.errors import QuotaError
from tandem.settings import LimitSettings
from tandem.store import DocumentRecord, Store
from tandem.store.usage import TenantUsage

_KNOWN_S = 1.0
"""How long a count holds. What several workers write in that time may go over the limit by as much."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class _Count:
    usage: TenantUsage
    at: float


class Quota:
    """What each tenant may still add. Blocking; any thread may call."""

    def __init__(self, store: Store, limits: LimitSettings) -> None:
        self._store = store
        self._limits = limits
        self._counts: dict[str, _Count] = {}

    def check(self, tenant: str, current: DocumentRecord | None, chars: int = 0) -> None:
        """Raises `QuotaError` where a document of `chars` characters, or of some, has no room.

        `current` is the version that it replaces: where the number of documents is at its limit, known ones may
        change.
        """
        usage = self._usage(tenant)
        own = self._limits.tenants.get(tenant)
        documents, text_mb = self._limits.documents, self._limits.text_mb
        if own is not None:
            documents = documents if own.documents is None else own.documents
            text_mb = text_mb if own.text_mb is None else own.text_mb
        if current is None and usage.documents >= documents:
            raise QuotaError(
                f"The tenant has {usage.documents:,} documents; the limit is {documents:,}",
                param="limits.documents",
                hint="Delete documents that are no longer wanted, or ask for a higher limit.",
            )
        after = usage.chars - (current.size_chars if current else 0) + chars
        if after + (chars == 0) > text_mb * _MILLION:
            raise QuotaError(
                f"With this document the tenant would have {after / _MILLION:,.2f} million characters of text; the "
                f"limit is {text_mb:,g}",
                param="limits.text_mb",
                hint="Delete documents that are no longer wanted, or ask for a higher limit.",
            )

    def _usage(self, tenant: str) -> TenantUsage:
        known, now = self._counts.get(tenant), time.monotonic()
        if known is None or now - known.at >= _KNOWN_S:
            known = _Count(self._store.usage(tenant), now)
            self._counts = {name: one for name, one in self._counts.items() if now - one.at < _KNOWN_S}
            self._counts[tenant] = known
        return known.usage
