"""A key as the store has it."""

from dataclasses import dataclass, field
from datetime import datetime

from tandem.vocabulary import KeyScope


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a key is and allows. Its secret is nowhere but with whoever was given it."""

    id: str
    """Public: it names the key in lists, logs and the audit log."""
    tenant: str
    name: str
    scopes: frozenset[KeyScope]
    groups: tuple[str, ...] | None
    """As in `Caller`: `None` sees every document of the tenant."""
    hash: str = field(repr=False)
    """SHA-256 of the secret, in hex."""
    created_at: datetime
    created_by: str
    changed: int
    """Number of its last change among those of all keys."""
    expires_at: datetime | None = None
    old_hash: str | None = field(default=None, repr=False)
    old_until: datetime | None = None
    """Until then the secret before the last rotation holds, too."""
    rotated_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used: datetime | None = None
    """Written at most once a minute."""

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"
