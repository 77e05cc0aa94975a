"""Keys: their form, and who may make, rotate and revoke which.

A key is `tdm_ID_SECRET`. The id is public and names it; the secret has 256 random bits, so a plain SHA-256 keeps
it: there is nothing to guess that a slow hash would protect. Both are of a-z and 2-7, without a mark at which a
double click would stop.
"""

import re
import secrets
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from tandem.errors import ForbiddenError, InvalidRequestError, NotFoundError
from tandem.store import ApiKey, Store
from tandem.vocabulary import DEFAULT_TENANT, Caller, KeyScope

KEY_PREFIX = "tdm_"
LOCAL_PREFIX = "tdl_"
ALL_GROUPS = "*"
FIRST_NAME = "first"

_ID_BYTES = 10
_SECRET_BYTES = 32
_KEY = re.compile(r"tdm_([a-z2-7]{16})_([a-z2-7]{52})")
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MOST_NAME = 200
_MOST_GROUPS = 100


@dataclass(frozen=True, slots=True)
class KeyWish:
    """A key that somebody wants."""

    name: str
    scopes: frozenset[KeyScope]
    tenant: str | None = None
    """That of the author by default."""
    groups: tuple[str, ...] = ()
    """Access groups: none sees unrestricted documents only, `*` all of the tenant's."""
    expires_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with its whole text, which is seen here and never again."""

    key: ApiKey
    text: str = field(repr=False)


class KeyText(NamedTuple):
    """The two parts of a key."""

    id: str
    hash: str
    """SHA-256 of the secret, in hex."""


def parse_key(text: str) -> KeyText | None:
    """The parts of a key's text; `None` for what is none."""
    match = _KEY.fullmatch(text)
    return None if match is None else KeyText(match[1], hash_of(match[2]))


def hash_of(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode()).hexdigest()


def new_local_key() -> str:
    """A key for the command line on this machine, held by one process and kept nowhere else."""
    return LOCAL_PREFIX + _random(_SECRET_BYTES)


def create_key(store: Store, author: Caller, wish: KeyWish) -> IssuedKey:
    """Make a key. Raises `InvalidRequestError` for a wish that makes no sense, and `ForbiddenError` for one
    that would allow more than its author may.
    """
    tenant, groups = wish.tenant or author.tenant, _groups(wish.groups)
    _check(wish, tenant)
    _refuse_more(author, tenant, wish.scopes, groups)
    expires_at = None if wish.expires_in is None else datetime.now(UTC) + wish.expires_in
    issued = _add(store, author, wish.name.strip(), tenant, wish.scopes, groups, expires_at)
    if issued is None:
        raise AssertionError("a key is left out only where it is to be the first")
    return issued


def create_first_key(store: Store) -> IssuedKey | None:
    """The key of the first start, which may do everything; `None` where there has ever been a key."""
    scopes = frozenset({KeyScope.OPERATOR})
    owner = Caller(subject="tandem")
    return _add(store, owner, FIRST_NAME, DEFAULT_TENANT, scopes, None, None, only_first=True)


def rotate_key(store: Store, author: Caller, known: str, overlap: timedelta = timedelta()) -> IssuedKey:
    """A new secret under the same id; the one before holds for `overlap` besides.

    Raises `NotFoundError`, `ForbiddenError` for a key that may do more than the author, and `ConflictError` for
    one that is revoked.
    """
    _own(store, author, known)
    secret = _random(_SECRET_BYTES)
    until = datetime.now(UTC) + overlap if overlap else None
    key = store.rotate_key(known, hash_of(secret), old_until=until, author=author.subject)
    return IssuedKey(key, _text(known, secret))


def revoke_key(store: Store, author: Caller, known: str) -> ApiKey:
    """Let a key hold no longer, on every server within a second. Raises as `rotate_key`, but not for one that is
    revoked already.
    """
    _own(store, author, known)
    return store.revoke_key(known, author=author.subject)


def keys_for(store: Store, reader: Caller) -> list[ApiKey]:
    """The keys that the reader may see: those of its tenant, or of all for an operator."""
    return store.keys(None if reader.may(KeyScope.OPERATOR) else reader.tenant)


def _add(
    store: Store,
    author: Caller,
    name: str,
    tenant: str,
    scopes: frozenset[KeyScope],
    groups: tuple[str, ...] | None,
    expires_at: datetime | None,
    *,
    only_first: bool = False,
) -> IssuedKey | None:
    known, secret = _random(_ID_BYTES), _random(_SECRET_BYTES)
    key = store.add_key(
        id=known,
        hash=hash_of(secret),
        tenant=tenant,
        name=name,
        scopes=scopes,
        groups=groups,
        created_by=author.subject,
        expires_at=expires_at,
        only_first=only_first,
    )
    return None if key is None else IssuedKey(key, _text(known, secret))


def _own(store: Store, author: Caller, known: str) -> None:
    """Raises where the key is not the author's to change. One of another tenant does not exist for it."""
    key = store.key(known)
    if key.tenant != author.tenant and not author.may(KeyScope.OPERATOR):
        raise NotFoundError(f"There is no key {known!r}", param="id", hint="tandem keys list")
    # Whoever could rotate a key that may do more would have its new secret.
    _refuse_more(author, key.tenant, key.scopes, key.groups)


def _refuse_more(
    author: Caller, tenant: str, scopes: frozenset[KeyScope], groups: tuple[str, ...] | None
) -> None:
    if not author.may(KeyScope.ADMIN):
        raise ForbiddenError("Keys need the scope 'admin'", param="scopes")
    if tenant != author.tenant and not author.may(KeyScope.OPERATOR):
        raise ForbiddenError("Keys of another tenant need the scope 'operator'", param="tenant")
    if more := sorted(scope for scope in scopes if not author.may(scope)):
        raise ForbiddenError(f"The author may not do what needs the scope {more[0]!r}", param="scopes")
    if author.groups is not None and (groups is None or not set(groups) <= set(author.groups)):
        raise ForbiddenError("The author sees fewer documents than this key would", param="groups")


def _check(wish: KeyWish, tenant: str) -> None:
    name = wish.name.strip()
    if not name or len(name) > _MOST_NAME or not name.isprintable():
        raise InvalidRequestError(f"A key's name has 1 to {_MOST_NAME} printable characters", param="name")
    if not wish.scopes:
        raise InvalidRequestError(
            "A key without a scope allows nothing",
            param="scopes",
            hint=f"Scopes: {', '.join(KeyScope)}.",
        )
    check_tenant(tenant)
    if wish.expires_in is not None and wish.expires_in <= timedelta():
        raise InvalidRequestError("A key that expires at once is of no use", param="expires_in_s")


def check_tenant(tenant: str) -> None:
    """Raises `InvalidRequestError` for what cannot be a tenant's name."""
    if not _TENANT.fullmatch(tenant):
        raise InvalidRequestError(
            f"{tenant[:100]!r} cannot be the name of a tenant",
            param="tenant",
            hint="Up to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or a digit.",
        )


def _groups(named: tuple[str, ...]) -> tuple[str, ...] | None:
    if ALL_GROUPS in named:
        return None
    if len(named) > _MOST_GROUPS or any(not 0 < len(group) <= _MOST_NAME for group in named):
        raise InvalidRequestError(
            f"Up to {_MOST_GROUPS} groups, each of 1 to {_MOST_NAME} characters", param="groups"
        )
    return tuple(sorted(set(named)))


def _text(known: str, secret: str) -> str:
    return f"{KEY_PREFIX}{known}_{secret}"


def _random(size: int) -> str:
    return b32encode(secrets.token_bytes(size)).decode().rstrip("=").lower()
