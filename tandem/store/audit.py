"""The audit log: who changed what, each entry chained to the one before by its hash."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select

from tandem.errors import StorageError
from tandem.store.audit_schema import audit_log
from tandem.store.transactions import Transactions, lock

_LOCK = "audit"
EVERY_TENANT = "*"
"""In a tenant's place where what was changed serves all of them. No tenant has this name."""
START = "0" * 64
"""The hash before the first entry."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who did what to which object."""

    number: int
    at: datetime
    tenant: str
    """Whose the object is, or `EVERY_TENANT`."""
    subject: str
    """Who: `Caller.subject`, or `tandem` for what the server did by itself."""
    action: str
    """Kind of object and what was done, such as `champion.changed`."""
    object: str
    details: dict[str, Any]
    previous: str
    hash: str

    def expected_hash(self) -> str:
        """SHA-256 over the entry before and all of this one: whoever changes one changes all that follow."""
        said = [
            self.previous,
            self.number,
            self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            self.tenant,
            self.subject,
            self.action,
            self.object,
            self.details,
        ]
        return sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def append_audit(
    connection: Connection,
    *,
    subject: str,
    action: str,
    object: str,  # noqa: A002 - the log's own word
    tenant: str = EVERY_TENANT,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Note a change in the transaction that makes it: neither is there without the other.

    `details` are plain JSON and hold no secret and no words of documents or questions.
    """
    lock(connection, _LOCK)
    newest = select(audit_log.c.number, audit_log.c.hash).order_by(audit_log.c.number.desc()).limit(1)
    last = connection.execute(newest).one_or_none()
    # As the database gives them back, or the hash would not be found again.
    clean = json.loads(json.dumps(dict(details or {})))
    entry = AuditEntry(
        number=last.number + 1 if last else 1,
        at=datetime.now(UTC),
        tenant=_plain(tenant),
        subject=_plain(subject),
        action=action,
        object=_plain(object),
        details=clean,
        previous=last.hash if last else START,
        hash="",
    )
    values = {name: getattr(entry, name) for name in AuditEntry.__slots__}
    connection.execute(insert(audit_log).values(values | {"hash": entry.expected_hash()}))


class AuditLog(Transactions):
    """Reads the audit log, and adds what is no change of the store's own."""

    def audit(
        self,
        *,
        subject: str,
        action: str,
        object: str,  # noqa: A002
        tenant: str = EVERY_TENANT,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a change that was made elsewhere; see `append_audit`."""
        with self._writing() as connection:
            append_audit(
                connection, tenant=tenant, subject=subject, action=action, object=object, details=details
            )

    def audit_entries(
        self, tenant: str | None = None, *, before: int | None = None, limit: int = 1_000
    ) -> list[AuditEntry]:
        """Entries of a tenant, or of all, with a number below `before`, the newest first."""
        query = select(audit_log)
        if before is not None:
            query = query.where(audit_log.c.number < before)
        if tenant is not None:
            query = query.where(audit_log.c.tenant == tenant)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(audit_log.c.number.desc()).limit(limit))
            return [AuditEntry(**row._mapping) for row in rows]

    def verify_audit(self, head: str | None = None) -> tuple[int, str]:
        """How many entries there are and the newest one's hash, after a look at every one.

        Raises `StorageError` for the first one that is missing or not what was written. That the newest ones
        were cut off is only seen with `head`, a hash that was the newest once and was kept elsewhere.
        """
        number, previous, known = 0, START, head in (None, START)
        for entry in self._all():
            if entry.number != number + 1:
                raise _broken(f"entry {number + 1} is missing")
            if entry.previous != previous or entry.hash != entry.expected_hash():
                raise _broken(f"entry {entry.number} is not what was written")
            number, previous = entry.number, entry.hash
            known = known or entry.hash == head
        if not known:
            raise _broken(f"no entry has the hash {head}, so its newest ones were cut off")
        return number, previous

    def _all(self) -> Iterator[AuditEntry]:
        with self._reading() as connection:
            rows = connection.execute(select(audit_log).order_by(audit_log.c.number))
            for row in rows:
                yield AuditEntry(**row._mapping)


def _plain(text: str) -> str:
    """What every database keeps as it is."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _broken(what: str) -> StorageError:
    return StorageError(
        f"The audit log is broken: {what}",
        hint="Somebody has changed the database; compare it with a backup.",
    )
