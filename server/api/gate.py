"""What is refused before any route sees it: foreign origins and hosts, and oversized bodies.

Without keys, a server on loopback is guarded by the browser's same-origin rule alone, so a page of
another site must neither write (cross-site request) nor read (a name that resolves to 127.0.0.1).
"""

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.errors import error_response
from tandem.errors import InvalidRequestError, TandemError, TooLargeError

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class _BodyTooLargeError(Exception):
    """More bytes came than the limit."""


class Gate:
    """ASGI middleware. `max_body` limits bodies in bytes, except under `uploads`, whose routes have limits of their own."""

    def __init__(self, app: ASGIApp, *, loopback_only: bool, max_body: int, uploads: tuple[str, ...]) -> None:
        self._app = app
        self._loopback_only = loopback_only
        self._max_body = max_body
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on with a counted body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await error_response(refusal)(scope, receive, send)
            return
        if scope["path"].startswith(self._uploads):
            await self._app(scope, receive, send)
            return
        await self._with_limit(scope, receive, send)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> TandemError | None:
        host = headers.get("host", "")
        if self._loopback_only and not _is_local(host):
            return InvalidRequestError(
                f"The host {host!r} is not this machine", param="Host", hint="Use 127.0.0.1."
            )
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in _SAFE_METHODS and urlsplit(origin).netloc != host:
            return InvalidRequestError(f"Pages of {origin} may not write here", param="Origin")
        length = headers.get("content-length", "0")
        if not scope["path"].startswith(self._uploads) and length.isdigit() and int(length) > self._max_body:
            return self._too_large()
        return None

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"The request is over {self._max_body:,} bytes", hint="Send fewer or shorter messages."
        )

    async def _with_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0
        over = started = False

        async def counted() -> Message:
            nonlocal received, over
            message = await receive()
            received += len(message.get("body", b""))
            over = over or received > self._max_body
            if over:
                raise _BodyTooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            # What a framework makes of the broken body is no answer to the caller.
            if over and not started:
                return
            started = True
            await send(message)

        with suppress(_BodyTooLargeError):  # answered below, unless an answer had begun
            await self._app(scope, counted, watched)
        if over and not started:
            await error_response(self._too_large())(scope, receive, send)


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
