"""Keys: made, rotated, revoked, and read by servers that follow their changes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from tandem.errors import ConflictError, NotFoundError
from tandem.store.audit import append_audit
from tandem.store.key_records import ApiKey
from tandem.store.key_schema import api_keys
from tandem.store.transactions import Transactions, lock
from tandem.vocabulary import KeyScope

_LOCK = "keys"


class Keys(Transactions):
    """The keys of all tenants. A change has its number and its entry in the audit log before it is seen."""

    def add_key(
        self,
        *,
        id: str,  # noqa: A002 - the column's name
        hash: str,  # noqa: A002
        tenant: str,
        name: str,
        scopes: frozenset[KeyScope],
        groups: tuple[str, ...] | None,
        created_by: str,
        expires_at: datetime | None = None,
        only_first: bool = False,
    ) -> ApiKey | None:
        """Keep a new key, of whose secret `hash` is the SHA-256. With `only_first`, nothing is kept (and `None`
        returned) where there has ever been one. Raises `ConflictError` for an id that is taken.
        """
        with self._writing() as connection:
            number = _next_change(connection)
            if only_first and number > 1:
                return None
            if connection.execute(select(api_keys.c.id).where(api_keys.c.id == id)).one_or_none():
                raise ConflictError(f"There is a key {id!r} already", param="id")
            values = {
                "id": id,
                "tenant": tenant,
                "name": name,
                "scopes": sorted(scopes),
                "groups": None if groups is None else list(groups),
                "hash": hash,
                "created_at": datetime.now(UTC),
                "created_by": created_by,
                "expires_at": expires_at,
                "changed": number,
            }
            connection.execute(insert(api_keys).values(values))
            made = _found(connection, id)
            _note(connection, made, created_by, "key.created", _said_of(made))
            return made

    def rotate_key(self, id: str, hash: str, *, old_until: datetime | None, author: str) -> ApiKey:  # noqa: A002
        """Give the key another secret; the one before holds until `old_until`, or no longer.

        Raises `NotFoundError`, and `ConflictError` for a revoked key.
        """
        with self._writing() as connection:
            number, key = _next_change(connection), _found(connection, id)
            _refuse_revoked(key)
            overlap = None if old_until is None else key.hash
            values = {
                "hash": hash,
                "old_hash": overlap,
                "old_until": old_until,
                "rotated_at": datetime.now(UTC),
                "changed": number,
            }
            connection.execute(update(api_keys).where(api_keys.c.id == id).values(values))
            until = old_until.isoformat() if old_until else None
            _note(connection, key, author, "key.rotated", {"name": key.name, "old_until": until})
            return _found(connection, id)

    def revoke_key(self, id: str, *, author: str) -> ApiKey:  # noqa: A002
        """Let the key hold no longer; for one that is revoked already nothing changes. Raises `NotFoundError`."""
        with self._writing() as connection:
            number, key = _next_change(connection), _found(connection, id)
            if key.revoked_at is not None:
                return key
            values = {
                "revoked_at": datetime.now(UTC),
                "old_hash": None,
                "old_until": None,
                "changed": number,
            }
            connection.execute(update(api_keys).where(api_keys.c.id == id).values(values))
            _note(connection, key, author, "key.revoked", {"name": key.name})
            return _found(connection, id)

    def key(self, id: str) -> ApiKey:  # noqa: A002
        """One key. Raises `NotFoundError`."""
        with self._reading() as connection:
            return _found(connection, id)

    def keys(self, tenant: str | None = None) -> list[ApiKey]:
        """The keys of a tenant, or of all, revoked ones too, newest first."""
        query = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id)
        if tenant is not None:
            query = query.where(api_keys.c.tenant == tenant)
        with self._reading() as connection:
            return [_key(row) for row in connection.execute(query)]

    def keys_changed(self, after: int) -> list[ApiKey] | None:
        """Those changed since change number `after`, which is the newest that somebody knows.

        `None` where the store has not come as far as `after`: it was restored, and all is to be read anew.
        """
        with self._reading() as connection:
            newest = connection.execute(select(func.max(api_keys.c.changed))).scalar() or 0
            if newest == after:
                return []
            if newest < after:
                return None
            query = select(api_keys).where(api_keys.c.changed > after).order_by(api_keys.c.changed)
            return [_key(row) for row in connection.execute(query)]

    def use_keys(self, moments: Mapping[str, datetime]) -> None:
        """Note when keys, by id, were used last."""
        with self._writing() as connection:
            for known, moment in sorted(moments.items()):
                connection.execute(update(api_keys).where(api_keys.c.id == known).values(last_used=moment))


def _next_change(connection: Connection) -> int:
    # Under the lock, so that numbers are seen in their order and none is passed over.
    lock(connection, _LOCK)
    return (connection.execute(select(func.max(api_keys.c.changed))).scalar() or 0) + 1


def _found(connection: Connection, known: str) -> ApiKey:
    row = connection.execute(select(api_keys).where(api_keys.c.id == known)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no key {known!r}", param="id", hint="tandem keys list")
    return _key(row)


def _refuse_revoked(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise ConflictError(f"The key {key.id} is revoked", param="id", hint="Make another one.")


def _key(row: Row[Any]) -> ApiKey:
    values = dict(row._mapping)
    values["scopes"] = frozenset(KeyScope(scope) for scope in values["scopes"])
    values["groups"] = None if values["groups"] is None else tuple(values["groups"])
    return ApiKey(**values)


def _said_of(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "groups": None if key.groups is None else list(key.groups),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }


def _note(connection: Connection, key: ApiKey, author: str, action: str, details: Mapping[str, Any]) -> None:
    append_audit(connection, tenant=key.tenant, subject=author, action=action, object=key.id, details=details)
