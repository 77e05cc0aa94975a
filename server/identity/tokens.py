"""Bearer tokens of an OpenID Connect issuer: checked, and read into a `Caller`."""

from collections.abc import Iterable, Mapping
from typing import Any

import jwt
import structlog
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    PyJWTError,
)

from server.identity.issuer import Issuer
from tandem.errors import InvalidRequestError, UnauthenticatedError
from tandem.keys import ALL_GROUPS, check_tenant
from tandem.settings import IdentitySettings
from tandem.vocabulary import DEFAULT_TENANT, Caller, KeyScope

log = structlog.get_logger(__name__)

_REQUIRED = ["exp", "iss", "aud", "sub"]
_LONGEST_KID = 200
_LONGEST_SUBJECT = 200
_MOST_GROUPS = 1_000
_TYPES = (None, "JWT", "AT+JWT", "APPLICATION/AT+JWT")
_SCOPE_PREFIX = "tandem:"
_REASONS: tuple[tuple[type[PyJWTError], str], ...] = (
    (ExpiredSignatureError, "it has expired"),
    (ImmatureSignatureError, "it does not hold yet"),
    (InvalidAudienceError, "it is for another audience"),
    (InvalidIssuerError, "it is of another issuer"),
)


class Tokens:
    """Verifies tokens of one issuer for one audience."""

    def __init__(self, settings: IdentitySettings, issuer: Issuer) -> None:
        self._settings = settings
        self._issuer = issuer

    async def caller_of(self, token: str) -> Caller:
        """Who the token speaks for. Raises `UnauthenticatedError` for one that does not hold or does not say who
        it is for, and `UnavailableError` where the issuer's keys cannot be had.
        """
        return self._caller(await self._claims(token))

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except (PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise _refused("it cannot be read") from error
        kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ")
        if kind is not None and (not isinstance(kind, str) or kind.upper() not in _TYPES):
            raise _refused("it is of another kind")
        # Before the issuer is asked for a key: what could never hold is no reason to ask.
        if algorithm not in self._settings.oidc_algorithms:
            raise _refused("its algorithm is not allowed")
        if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID:
            raise _refused("it names no key")
        key = await self._issuer.key(kid)
        if key is None or algorithm not in key.algorithms:
            raise _refused("its key is not the issuer's")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._settings.oidc_audience,
                issuer=self._settings.oidc_issuer,
                leeway=self._settings.oidc_leeway_s,
                options={"require": _REQUIRED, "strict_aud": False},
            )
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            why = next(
                (words for kind, words in _REASONS if isinstance(error, kind)), "its signature or form"
            )
            raise _refused(why) from error
        return claims

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        settings, subject = self._settings, claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise _refused("its subject is no name")
        return Caller(
            tenant=self._tenant(claims),
            subject=f"user:{subject}",
            scopes=_scopes(_words(_claim(claims, settings.oidc_scope_claim)), settings.oidc_scopes),
            groups=_groups(_words(_claim(claims, settings.oidc_groups_claim)), settings.oidc_groups),
        )

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        name = self._settings.oidc_tenant_claim
        if name is None:
            return DEFAULT_TENANT
        said = _claim(claims, name)
        if not isinstance(said, str):
            raise _refused("it names no tenant")
        known = self._settings.oidc_tenants
        if known:
            if said not in known:
                raise _refused("its tenant is not known here")
            return known[said]
        try:
            check_tenant(said)
        except InvalidRequestError as error:
            raise _refused("it names no tenant") from error
        return said


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path of names with dots, such as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _words(said: Any) -> tuple[str, ...]:
    """A claim of words: a list, or one text with blanks between."""
    if isinstance(said, str):
        return tuple(said.split())
    if not isinstance(said, list):
        return ()
    return tuple(word for word in said if isinstance(word, str))


def _scopes(words: Iterable[str], known: Mapping[str, KeyScope]) -> frozenset[KeyScope]:
    """Without a mapping, `tandem:chat` and the like: a bare `admin` may be meant for another service."""
    if known:
        return frozenset(known[word] for word in words if word in known)
    named = (word.removeprefix(_SCOPE_PREFIX) for word in words if word.startswith(_SCOPE_PREFIX))
    return frozenset(KeyScope(word) for word in named if word in frozenset(KeyScope))


def _groups(words: Iterable[str], known: Mapping[str, str]) -> tuple[str, ...] | None:
    """Every document only by a mapping to `*`: what a group of that name at the issuer means, nobody knows."""
    if not known:
        return tuple(sorted({word for word in words if word != ALL_GROUPS})[:_MOST_GROUPS])
    mapped = {known[word] for word in words if word in known}
    return None if ALL_GROUPS in mapped else tuple(sorted(mapped)[:_MOST_GROUPS])


def _refused(why: str) -> UnauthenticatedError:
    log.debug("token_refused", why=why)
    return UnauthenticatedError(f"The token does not hold: {why}", param="Authorization")
