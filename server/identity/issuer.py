"""The public keys of the tokens' issuer: fetched when they are needed, kept for a while, and never asked for more
often than the issuer would like, whatever strangers send.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from tandem.errors import UnavailableError
from tandem.settings import IdentitySettings
from tandem.settings.identity import is_safe_url

log = structlog.get_logger(__name__)

_DISCOVERY = "/.well-known/openid-configuration"
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
_MOST_BYTES = 256 * 1024
_MOST_KEYS = 100
_AGAIN_S = 10.0
"""Least time between two questions to the issuer, whether the first was answered or not."""
_STALE = 12
"""So many times `oidc_keys_for_s` old may keys be that an issuer out of reach left us with."""
_LEAST_RSA_BITS = 2_048
_ALGORITHMS = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("EdDSA",)}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key of the issuer, and the algorithms for which it may be used."""

    key: Any
    algorithms: tuple[str, ...]


class Issuer:
    """Gives public keys by their `kid`."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._settings = settings
        self._issuer = settings.oidc_issuer or ""
        self._keys: dict[str, PublicKey] = {}
        self._fetched = float("-inf")
        self._asked = float("-inf")
        self._fetching = asyncio.Lock()

    async def key(self, kid: str) -> PublicKey | None:
        """The key, or `None` where the issuer has none of that name. Raises `UnavailableError` where the issuer
        cannot be asked and what is known is too old.
        """
        kept_s = self._settings.oidc_keys_for_s
        age = time.monotonic() - self._fetched
        if age > kept_s or kid not in self._keys:
            await self._refresh(time.monotonic())
        if time.monotonic() - self._fetched > _STALE * kept_s:
            raise UnavailableError(
                "The issuer of tokens cannot be reached", hint="Try again.", retry_after=int(_AGAIN_S)
            )
        return self._keys.get(kid)

    async def _refresh(self, wanted: float) -> None:
        async with self._fetching:
            # Also for those who have waited here: one question serves them all.
            if wanted < self._asked or wanted - self._asked < _AGAIN_S:
                return
            self._asked = time.monotonic()
            try:
                keys = await self._fetch()
            except (httpx.HTTPError, ValueError, RecursionError) as error:
                log.warning("issuer_not_read", issuer=self._issuer, error=str(error) or type(error).__name__)
                return
            self._keys, self._fetched = keys, self._asked

    async def _fetch(self) -> dict[str, PublicKey]:
        async with httpx.AsyncClient(
            timeout=_TIMEOUT, follow_redirects=False, trust_env=self._settings.oidc_proxies
        ) as http:
            url = self._settings.oidc_jwks_url or await self._discovered(http)
            found = (await _json(http, url)).get("keys")
        if not isinstance(found, list):
            raise ValueError("the key set has no keys")  # noqa: TRY004 - whatever it is, it is no key set
        allowed = self._settings.oidc_algorithms
        return dict(pair for one in found[:_MOST_KEYS] if (pair := _public_key(one, allowed)) is not None)

    async def _discovered(self, http: httpx.AsyncClient) -> str:
        said = await _json(http, self._issuer.rstrip("/") + _DISCOVERY)
        if said.get("issuer") != self._issuer:
            raise ValueError(f"it calls itself {str(said.get('issuer'))[:200]!r}")
        url = said.get("jwks_uri")
        if not isinstance(url, str) or not is_safe_url(url):
            raise ValueError("its jwks_uri is no https address")
        return url


async def _json(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """A JSON object, read no further than a key set goes. Raises `ValueError` and what httpx raises."""
    body = bytearray()
    async with http.stream("GET", url, headers={"Accept": "application/json"}) as response:
        if response.status_code != httpx.codes.OK:
            raise ValueError(f"{url} answers with status {response.status_code}")
        async for part in response.aiter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise ValueError(f"{url} sends more than {_MOST_BYTES:,} bytes")
    said = json.loads(bytes(body))
    if not isinstance(said, dict):
        raise ValueError(f"{url} sends no object")  # noqa: TRY004
    return said


def _public_key(said: Any, allowed: tuple[str, ...]) -> tuple[str, PublicKey] | None:
    """A key that may verify signatures, with its `kid`. What is none, or is too weak, is left out."""
    if not isinstance(said, dict) or said.get("use", "sig") != "sig":
        return None
    kid, kind = said.get("kid"), said.get("kty")
    families = _ALGORITHMS.get(kind) if isinstance(kind, str) else None
    if not isinstance(kid, str) or not kid or families is None:
        return None
    algorithms = tuple(
        name for name in allowed if name.startswith(families) and said.get("alg", name) == name
    )
    public = {name: value for name, value in said.items() if name not in ("alg", "d")}
    try:
        key = PyJWK.from_dict(public, algorithm=algorithms[0] if algorithms else None).key
    except (PyJWTError, ValueError, TypeError):
        return None
    if kind == "RSA" and key.key_size < _LEAST_RSA_BITS:
        return None
    return (kid, PublicKey(key, algorithms)) if algorithms else None
