"""Opens connections to public addresses, and to no others, within a time.

A name is resolved once, in the moment of the connection; every address that it has must be allowed, and one
of those that were checked is dialled. So neither a redirect nor a resolver that changes its mind leads
inside.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore

from ingest.addresses import Address
from tandem.errors import InvalidRequestError, NotFoundError, TandemError, UnavailableError

_MOST_DIALS = 4
"""Addresses of one name that are tried."""

Resolve = Callable[[str, int], Sequence[str]]
"""From a name and a port to all its addresses; raises `OSError`."""


class CheckedDialler(httpcore.NetworkBackend):
    """Opens connections: resolves, checks every address, and dials what it checked."""

    def __init__(
        self, resolve: Resolve, is_allowed: Callable[[Address], bool], backend: httpcore.NetworkBackend
    ) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._backend = backend
        self._deadline = Deadline()

    @contextmanager
    def until(self, moment: float) -> Iterator[None]:
        """A block in which this thread's waits end at `moment` of the monotonic clock."""
        self._deadline.moment = moment
        try:
            yield
        finally:
            self._deadline.moment = 0.0

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Dial the first of the checked addresses that answers."""
        failure: Exception = httpcore.ConnectError("it has no address")
        for address in self._checked_addresses(host, port)[:_MOST_DIALS]:
            try:
                stream = self._backend.connect_tcp(
                    str(address), port, self._deadline.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return BoundedStream(stream, self._deadline)
        raise failure

    def connect_unix_socket(self, *_args: Any, **_kwargs: Any) -> httpcore.NetworkStream:
        """Never: a socket of this machine is no public address."""
        raise InvalidRequestError("Only public web addresses are fetched from", param="url")

    def _checked_addresses(self, host: str, port: int) -> list[Address]:
        known = literal(host)
        if known is not None:
            addresses = [known]
        else:
            try:
                found = self._resolve(host, port)
            except socket.gaierror as error:
                raise _unresolved(host, error) from error
            except OSError as error:
                raise UnavailableError(f"{host} cannot be resolved: {error}", param="url") from error
            addresses = [ipaddress.ip_address(text) for text in dict.fromkeys(found)]
        # One private address among public ones is enough: which is dialled must not be left to chance.
        if not all(self._is_allowed(address) for address in addresses):
            raise InvalidRequestError(
                f"{host} is not, or not only, at a public address",
                param="url",
                hint="Only the public internet is fetched from. Save the pages as files, or put them in a bucket.",
            )
        return addresses


class Deadline(threading.local):
    """Until when this thread's fetch may last."""

    moment = 0.0

    def left(self, timeout: float | None) -> float:
        """Seconds that are left, at most `timeout`; raises `ReadTimeout` where there are none."""
        left = self.moment - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for this fetch is over")
        return left if timeout is None else min(timeout, left)


class BoundedStream(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline, so that drops of bytes cannot keep it open."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the stream within."""
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the stream within."""
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        """As the stream within."""
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """TLS for the name of the URL, whatever address was dialled."""
        inner = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return BoundedStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """As the stream within."""
        return self._stream.get_extra_info(info)


def resolve_by_system(host: str, port: int) -> list[str]:
    """All addresses that the system's resolver knows for a name."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def literal(host: str) -> Address | None:
    """The address that `host` is, where it is one and no name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _unresolved(host: str, error: socket.gaierror) -> TandemError:
    if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
        return NotFoundError(f"There is no host {host}", param="url")
    return UnavailableError(f"{host} cannot be resolved now: {error.strerror}", param="url")
