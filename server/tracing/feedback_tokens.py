"""Signs the ids of answers, so that only those to whom one was given vote on it, and each as one user."""

import hmac

from tandem.vocabulary import Caller

_DIGITS = 32
"""Hex digits of each part: 128 bits."""


class FeedbackTokens:
    """Makes and checks tokens with a key that all servers of one store share.

    A token is `VOTER.SIGNATURE`: whose vote it is, a keyed hash that tells nobody who that is, and HMAC-SHA-256
    over tenant, trace and voter. So whoever asks under many names must ask for each vote anew.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def voter(self, caller: Caller, user: str | None) -> str:
        """Who votes: the person of a token, else the user that the client names, else the key itself."""
        person = caller.subject.startswith("user:") or not user
        return self.pseudonym(caller.tenant, caller.subject if person else f"named:{user}")

    def pseudonym(self, tenant: str, name: str) -> str:
        """The same for the same name of a tenant, and no way back to it without the key."""
        return self._code("name", tenant, name)

    def sign(self, tenant: str, trace_id: str, voter: str) -> str:
        """The token of one answer for one voter."""
        return f"{voter}.{self._code('vote', tenant, trace_id, voter)}"

    def check(self, tenant: str, trace_id: str, token: str) -> str | None:
        """The voter of a token; `None` where it was not signed for this answer of this tenant."""
        voter, _, signature = token.partition(".")
        expected = self._code("vote", tenant, trace_id, voter)
        same = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
        return voter if same else None

    def _code(self, *parts: str) -> str:
        code = hmac.new(self._key, digestmod="sha256")
        for part in parts:
            content = part.encode("utf-8", "replace")
            code.update(len(content).to_bytes(8) + content)
        return code.hexdigest()[:_DIGITS]
