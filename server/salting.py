"""Salts of the engine's prefix cache: what one tenant asked is no faster for another.

vLLM keeps what it computed of a prompt's beginning, and answers sooner where it meets that again. A tenant that
times its own prompts would learn whether another has sent the same. With a salt the cache is shared only among
those who send the same one.
"""

import hmac
import secrets
from pathlib import Path

from server.fence import drawn_key

_FILE = "salt.key"


class Salting:
    """Makes a tenant's salt, which nobody can foretell without the key."""

    def __init__(self, key: bytes | None = None) -> None:
        """Without a `key`, one is drawn that nobody else has."""
        self._key = key or secrets.token_bytes(32)

    def of(self, tenant: str) -> str:
        """64 hex digits: HMAC-SHA-256 of the tenant's name. vLLM takes up to 128 characters, and no `@` or `/`,
        with which names of adapters are told from salts.
        """
        return hmac.new(self._key, tenant.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def open_salting(folder: Path) -> Salting:
    """The salting whose key lies in `folder`, drawn at the first start. Blocking."""
    return Salting(drawn_key(folder / _FILE))
