"""The one way from a request's credentials to a `Caller`."""

import hmac

from server.identity.keyring import Keyring
from server.identity.tokens import Tokens
from tandem.errors import UnauthenticatedError
from tandem.keys import KEY_PREFIX, LOCAL_PREFIX, new_local_key, parse_key
from tandem.store import ApiKey
from tandem.vocabulary import Caller

_SCHEME = "bearer"
_LONGEST = 16_384
"""Characters of a token; those of issuers have a few thousand."""


class PrincipalLoader:
    """Reads `Authorization: Bearer ...`: a key, a token of the issuer, or this process's local key."""

    def __init__(
        self, keyring: Keyring, tokens: Tokens | None, *, required: bool, open_metrics: bool
    ) -> None:
        """`tokens` is for an issuer; without one, no token holds."""
        self.keyring = keyring
        self.tokens = tokens
        self.required = required
        self.open_metrics = open_metrics
        self._local = new_local_key()

    @property
    def local_key(self) -> str:
        """The key of the command line on this machine: it is the owner of the process. New at every start."""
        return self._local

    async def load(self, authorization: str | None) -> Caller:
        """The caller behind the header. Raises `UnauthenticatedError` where it is nobody's; where no key is
        required, whoever sends none, or one that is none of Tandem's, is the owner.

        Raises `UnavailableError` where the keys, or those of the issuer, cannot be read.
        """
        credential = _credential(authorization)
        if credential is None:
            return self._stranger("This needs a key", authorization is not None)
        if credential.startswith(LOCAL_PREFIX):
            if hmac.compare_digest(credential.encode(), self._local.encode()):
                return Caller()
            raise _refused("The local key is not of this server")
        if credential.startswith(KEY_PREFIX):
            return await self._of_key(credential)
        if self.tokens is not None and credential.count(".") == 2:
            return await self.tokens.caller_of(credential)
        return self._stranger("This is neither a key nor a token that is taken here", True)

    async def _of_key(self, credential: str) -> Caller:
        text = parse_key(credential)
        key = None if text is None else await self.keyring.find(text)
        if key is None:
            raise _refused("The key does not hold: it is unknown, expired or revoked")
        return caller_of_key(key)

    def _stranger(self, why: str, named_something: bool) -> Caller:
        if self.required:
            raise _refused(why if not named_something else f"{why}: Authorization: Bearer KEY")
        # Clients of OpenAI always send some key.
        return Caller()


def caller_of_key(key: ApiKey) -> Caller:
    """Who asks with this key."""
    return Caller(tenant=key.tenant, subject=f"key:{key.id}", scopes=key.scopes, groups=key.groups)


def _credential(authorization: str | None) -> str | None:
    if authorization is None or len(authorization) > _LONGEST or not authorization.isascii():
        return None
    scheme, _, credential = authorization.strip().partition(" ")
    return credential.strip() or None if scheme.lower() == _SCHEME else None


def _refused(message: str) -> UnauthenticatedError:
    return UnauthenticatedError(
        message, param="Authorization", hint="`tandem keys create` on the server's machine makes a key."
    )
