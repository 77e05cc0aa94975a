"""The one way out: fetches from public web addresses, and posts to what the settings name; nowhere else.

What is dialled is checked by `CheckedDialler`. Nothing is taken from the environment: no proxy, no
credentials, no certificates.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from ingest.addresses import Address, is_public
from ingest.dialling import CheckedDialler, Resolve, literal, resolve_by_system
from ingest.inflating import gunzip
from tandem.errors import (
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnreadableDocumentError,
)

USER_AGENT = "Tandem/0.1 (document ingestion; obeys robots.txt)"

_PORTS = frozenset({80, 443})
_MOST_REDIRECTS = 5
_MOST_URL_CHARS = 2_000
_MOST_WAIT_S = 3_600
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAY_PASS = frozenset({408, 425, 429})
_STRANGE = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: the status is 200 or 304, and names of headers are in lower case."""

    url: str
    """Where the redirects led."""
    status: int
    headers: Mapping[str, str]
    content: bytes


class Egress:
    """A pool of connections to public addresses. Any thread may call."""

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_s: float,
        resolve: Resolve | None = None,
        is_allowed: Callable[[Address], bool] = is_public,
        ports: frozenset[int] = _PORTS,
        backend: httpcore.NetworkBackend | None = None,
    ) -> None:
        """`max_bytes` and `timeout_s` bound one fetch with all its redirects. The rest is what tests put in the place of."""
        self.max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._ports = ports
        self._dialler = CheckedDialler(
            resolve or resolve_by_system, is_allowed, backend or httpcore.SyncBackend()
        )
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            network_backend=self._dialler,
            max_connections=32,
            keepalive_expiry=5.0,
        )

    def get(self, url: str, headers: Mapping[str, str] | None = None, max_bytes: int | None = None) -> Reply:
        """Fetch `url`; blocking.

        Raises `InvalidRequestError` for an address that must not be fetched or that refuses,
        `NotFoundError`, `TooLargeError`, `UnreadableDocumentError` for an answer that is not HTTP as it
        should be, and `UnavailableError` for what may pass, with `retry_after` where the server says it.
        """
        most = max_bytes or self.max_bytes
        current = self.checked(url)
        with self._dialler.until(time.monotonic() + self._timeout_s):
            for _ in range(_MOST_REDIRECTS + 1):
                reply = self._exchange(current, headers or {}, most)
                if reply.status not in _REDIRECTS:
                    return _judged(reply, current)
                current = self._redirected(current, reply)
        raise InvalidRequestError(f"{url} redirects more than {_MOST_REDIRECTS} times", param="url")

    def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Send `content` to `url`; blocking. The answer's words are not read, and redirects are not followed.

        Raises `InvalidRequestError` for an address that must not be dialled or that refuses, `NotFoundError`, and
        `UnavailableError` for what may pass, with `retry_after` where the server says it.
        """
        checked = self.checked(url)
        with self._dialler.until(time.monotonic() + self._timeout_s):
            reply = self._exchange(checked, headers, 0, "POST", content)
        if not 200 <= reply.status < 300:
            _judged(reply, checked)
            raise InvalidRequestError(f"{checked.host} answered {reply.status} for {checked}", param="url")

    def close(self) -> None:
        """End all connections."""
        self._pool.close()

    def checked(self, url: str) -> httpx.URL:
        """`url` without its fragment, if it is one that may be fetched; else raises `InvalidRequestError`.

        The one parser: what is judged here is, part by part, what is dialled.
        """
        if len(url) > _MOST_URL_CHARS or _STRANGE.search(url):
            raise _refused(url, "is too long, or holds spaces, backslashes or control characters")
        try:
            parsed = httpx.URL(url)
            host = parsed.raw_host.decode("ascii").removesuffix(".")
            parsed = parsed.copy_with(host=host, fragment=None)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise _refused(url, f"is not a URL: {error}") from error
        if parsed.scheme not in ("http", "https"):
            raise _refused(url, "is neither http nor https")
        if parsed.userinfo:
            raise InvalidRequestError(
                "A URL with a user's name or password in it is not fetched",
                param="url",
                hint="Take out what stands before the @.",
            )
        port = {"http": 80, "https": 443}[parsed.scheme] if parsed.port is None else parsed.port
        if port not in self._ports:
            raise _refused(url, "names a port that is not fetched from")
        if not _is_host(host):
            raise _refused(url, "names no host as it should be written")
        return parsed

    def _exchange(
        self,
        url: httpx.URL,
        headers: Mapping[str, str],
        most: int,
        method: str = "GET",
        content: bytes | None = None,
    ) -> Reply:
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": USER_AGENT,
            "Accept": "text/html, text/*;q=0.9, */*;q=0.5",
            "Accept-Encoding": "gzip, identity",
            **headers,
        }
        if content is not None:
            sent["Content-Length"] = str(len(content))
        lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in sent.items()]
        # Each wait is bounded by this, and all of them together by the deadline of the dialler.
        waits = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        try:
            with self._pool.stream(
                method, target, headers=lines, content=content, extensions={"timeout": waits}
            ) as response:
                found = _headers_of(response.headers)
                unread = content is not None or response.status in _REDIRECTS
                body = b"" if unread else _read(response, found, most, url)
                return Reply(str(url), response.status, found, body)
        except (httpcore.TimeoutException, httpcore.PoolTimeout) as error:
            raise UnavailableError(f"{url} took longer than {self._timeout_s:g} s", param="url") from error
        except httpcore.NetworkError as error:
            raise UnavailableError(f"{url.host} cannot be reached: {error}", param="url") from error
        except httpcore.RemoteProtocolError as error:
            raise UnavailableError(f"{url.host} broke off: {error}", param="url") from error
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
            raise _refused(str(url), f"cannot be asked for: {error}") from error

    def _redirected(self, url: httpx.URL, reply: Reply) -> httpx.URL:
        location = reply.headers.get("location", "")
        if not location or _STRANGE.search(location):
            raise UnreadableDocumentError(f"{url} redirects to nowhere", param="url")
        try:
            following = self.checked(str(url.join(location)))
        except httpx.InvalidURL as error:
            raise _refused(str(url), f"redirects to what is not a URL: {error}") from error
        if url.scheme == "https" and following.scheme == "http":
            raise _refused(str(url), "redirects from https to http")
        return following


def retry_after(value: str | None) -> int | None:
    """Seconds of a `Retry-After`, at most an hour; it is a number or a date."""
    if not value:
        return None
    if value.strip().isdecimal():
        return min(int(value.strip()[:9]), _MOST_WAIT_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, min(round((moment - datetime.now(UTC)).total_seconds()), _MOST_WAIT_S))


def _is_host(host: str) -> bool:
    """A literal address, or a name of plain labels whose last is no number: `0x7f.1` is neither."""
    if literal(host) is not None:
        return True
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    return not _NUMERIC.fullmatch(labels[-1])


def _headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _read(response: httpcore.Response, headers: Mapping[str, str], most: int, url: httpx.URL) -> bytes:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise UnreadableDocumentError(f"{url} is packed as {encoding!r}, though gzip was asked for")
    length = headers.get("content-length", "")
    content = bytearray()
    if length.isdecimal() and int(length) > most:
        raise _too_large(url, most)
    for part in response.iter_stream():
        content += part
        if len(content) > most:
            raise _too_large(url, most)
    if not encoding.endswith("gzip") or not content:
        return bytes(content)
    return gunzip(bytes(content), most, str(url))


def _judged(reply: Reply, url: httpx.URL) -> Reply:
    """The reply, where it is one that a document or a sign of no change can be taken from."""
    status = reply.status
    if status in (200, 203, 304):
        return reply
    if status in (404, 410):
        raise NotFoundError(f"There is nothing at {url} ({status})", param="url")
    if status in _MAY_PASS or status >= 500:
        raise UnavailableError(
            f"{url.host} answered {status} for {url}",
            param="url",
            retry_after=retry_after(reply.headers.get("retry-after")),
        )
    raise InvalidRequestError(
        f"{url.host} refuses {url} ({status})", param="url", hint="Open it in a browser without a login."
    )


def _refused(url: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{url[:200]!r} {why}",
        param="url",
        hint="Only http and https at their usual ports are fetched, from public addresses.",
    )


def _too_large(url: httpx.URL, most: int) -> TooLargeError:
    return TooLargeError(
        f"{url} is larger than {most / 1024**2:g} MiB", param="url", hint="Raise ingest.max_file_mb."
    )
