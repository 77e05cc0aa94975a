"""The one way out leads to public addresses, and nowhere else."""

import ast
import gzip
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpcore
import pytest
from hostile_urls import HOSTILE, PRIVATE_HOSTS
from websites import OTHER, PUBLIC, LikeSystem, Recorder, Site, egress_to, website

from ingest.addresses import is_public
from ingest.dialling import CheckedDialler
from ingest.egress import Egress, retry_after
from tandem.errors import (
    InvalidRequestError,
    NotFoundError,
    TandemError,
    TooLargeError,
    UnavailableError,
    UnreadableDocumentError,
)


@pytest.fixture
def site() -> Iterator[tuple[Site, Recorder]]:
    with website() as (pages, port):
        yield pages, Recorder(port)


def test_the_suite_is_as_large_as_was_promised() -> None:
    assert len(set(HOSTILE)) >= 220


@pytest.fixture(scope="module")
def offline() -> Iterator[tuple[Egress, Recorder]]:
    """One for many tests: it would keep any connection that it makes in the record."""
    recorder = Recorder()
    egress = egress_to(recorder)
    yield egress, recorder
    egress.close()


@pytest.mark.parametrize("url", HOSTILE)
def test_nothing_is_dialled_for_a_url_that_leads_elsewhere(
    offline: tuple[Egress, Recorder], url: str
) -> None:
    egress, recorder = offline
    with pytest.raises(TandemError) as caught:
        egress.get(url)
    assert recorder.dialled == []
    assert not isinstance(caught.value, UnavailableError) or "empty.example" in url


def test_a_redirect_to_any_of_them_is_not_followed(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    egress = egress_to(recorder)
    followed = 0
    for number, url in enumerate(HOSTILE):
        location = url.encode("utf-8").decode("latin-1")
        if "\n" in url or "\x00" in url or "\r" in url:
            continue  # No server can send these in a header.
        # A relative address stays on the public host; it is not one that leads elsewhere.
        if not url.startswith(("http:/", "https:/")) and "://" not in url:
            continue
        pages[f"/{number}"] = (302, {"Location": location}, b"")
        with pytest.raises(TandemError):
            egress.get(f"http://example.org/{number}")
        followed += 1
    assert followed >= 170
    assert set(recorder.dialled) == {PUBLIC}
    assert recorder.ports == {80}
    egress.close()


@pytest.mark.parametrize("host", [host.strip("[]").replace("%25", "%") for host in PRIVATE_HOSTS])
def test_the_dialler_by_itself_refuses_what_resolves_inside(host: str) -> None:
    """Even if a URL should get past the checks of its text."""
    recorder = Recorder()
    dialler = CheckedDialler(LikeSystem(), is_public, recorder)
    with dialler.until(time.monotonic() + 5), pytest.raises((TandemError, httpcore.ConnectError)):
        dialler.connect_tcp(host, 80)
    assert recorder.dialled == []


def test_a_resolver_that_changes_its_mind_leads_nowhere(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    answers = iter([[PUBLIC], ["127.0.0.1"], ["169.254.169.254"]])
    egress = Egress(max_bytes=1_000, timeout_s=5, resolve=lambda *_: next(answers), backend=recorder)
    pages["/"] = (200, {"Connection": "close"}, b"first")
    assert egress.get("http://rebind.example/").content == b"first"
    for _ in range(2):
        with pytest.raises(InvalidRequestError, match="public address"):
            egress.get("http://rebind.example/")
    assert recorder.dialled == [PUBLIC]
    egress.close()


def test_a_name_is_resolved_once_for_each_connection(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    resolver = LikeSystem()
    egress = Egress(max_bytes=1_000, timeout_s=5, resolve=resolver, backend=recorder)
    pages["/"] = (200, {"Connection": "close"}, b"x")
    egress.get("http://example.org/")
    egress.get("http://example.org/")
    assert resolver.asked == ["example.org", "example.org"]
    egress.close()


def test_an_address_that_does_not_answer_gives_way_to_the_next(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    pages["/"] = (200, {}, b"x")

    class FirstIsDead(Recorder):
        def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
            if host == PUBLIC:
                self.dialled.append(host)
                raise httpcore.ConnectError("refused")
            return super().connect_tcp(host, port, timeout)

    dead = FirstIsDead(recorder.port)
    egress = egress_to(dead)
    assert egress.get("http://www.example.org/").content == b"x"
    assert dead.dialled == [PUBLIC, OTHER]
    egress.close()


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", PUBLIC, OTHER, "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111", "100.63.255.255"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_what_is_asked_for_is_the_page_and_little_is_told(site: tuple[Site, Recorder], monkeypatch) -> None:
    pages, recorder = site
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    pages["/p%C3%A4ge?q=1"] = (200, {"ETag": '"1"', "Content-Type": "text/html"}, b"<p>page")
    egress = egress_to(recorder)
    reply = egress.get("http://EXAMPLE.org./p\u00e4ge?q=1#part")
    assert (reply.status, reply.content, reply.headers["etag"]) == (200, b"<p>page", '"1"')
    assert reply.url == "http://example.org/p%C3%A4ge?q=1"
    ((_, headers),) = pages.requests
    assert headers["host"] == "example.org"
    assert headers["user-agent"].startswith("Tandem/")
    assert headers.keys() == {"host", "user-agent", "accept", "accept-encoding"}
    assert recorder.dialled == [PUBLIC]
    egress.close()


def test_a_name_of_other_letters_is_resolved_as_it_is_registered(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    pages["/"] = (200, {}, b"books")
    egress = egress_to(recorder)
    assert egress.get("http://b\u00fccher.example/").content == b"books"
    assert pages.requests[0][1]["host"] == "xn--bcher-kva.example"
    egress.close()


@pytest.mark.parametrize("host", [PUBLIC, f"[{OTHER}]"])
def test_a_public_address_may_stand_in_the_place_of_a_name(site: tuple[Site, Recorder], host: str) -> None:
    pages, recorder = site
    pages["/"] = (200, {}, b"x")
    egress = egress_to(recorder)
    assert egress.get(f"http://{host}/").content == b"x"
    assert pages.requests[0][1]["host"] == host
    assert recorder.dialled == [host.strip("[]")]
    egress.close()


def test_redirects_are_followed_five_times(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    for number in range(1, 7):
        pages[f"/{number}"] = (301, {"Location": f"/{number - 1}"}, b"moved")
    pages["/0"] = (200, {}, b"here")
    egress = egress_to(recorder)
    assert egress.get("http://example.org/5").content == b"here"
    with pytest.raises(InvalidRequestError, match="redirects more than 5 times"):
        egress.get("http://example.org/6")
    egress.close()


def test_a_redirect_never_leaves_https() -> None:
    """The server's side is a stub, as no public name has a certificate here."""

    class Redirects(httpcore.NetworkStream):
        def __init__(self) -> None:
            self.names: list[str | None] = []

        def read(self, max_bytes, timeout=None):
            return b"HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n"

        def write(self, buffer, timeout=None):
            pass

        def close(self):
            pass

        def start_tls(self, ssl_context, server_hostname=None, timeout=None):
            self.names.append(server_hostname)
            assert ssl_context.verify_mode == ssl.CERT_REQUIRED
            assert ssl_context.check_hostname
            return self

        def get_extra_info(self, info):
            return None

    stream = Redirects()

    class Backend(Recorder):
        def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
            self.dialled.append(host)
            return stream

    backend = Backend()
    egress = egress_to(backend)
    with pytest.raises(InvalidRequestError, match="from https to http"):
        egress.get("https://example.org/")
    assert (stream.names, backend.dialled) == (["example.org"], [PUBLIC])
    egress.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, NotFoundError) for status in (404, 410)),
        *((status, InvalidRequestError) for status in (400, 401, 403, 405, 451)),
        *((status, UnavailableError) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((status, InvalidRequestError) for status in (204, 206, 300)),
    ],
)
def test_a_status_says_whether_another_try_may_help(
    site: tuple[Site, Recorder], status: int, error: type[TandemError]
) -> None:
    pages, recorder = site
    pages["/"] = (status, {"Retry-After": "7"}, b"")
    egress = egress_to(recorder)
    with pytest.raises(error) as caught:
        egress.get("http://example.org/")
    assert type(caught.value) is error
    assert caught.value.retry_after == (7 if error is UnavailableError else None)
    egress.close()


def test_a_time_to_wait_is_read_in_seconds_and_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    assert retry_after(later) in (89, 90)
    assert [retry_after(value) for value in (None, "", "soon", "-1", "5", "999999999999")] == [
        *(None, None, None, None),
        *(5, 3_600),
    ]
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_a_name_that_cannot_be_resolved_now_may_be_later() -> None:
    def again(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    egress = Egress(max_bytes=1_000, timeout_s=5, resolve=again, backend=Recorder())
    with pytest.raises(UnavailableError):
        egress.get("http://example.org/")
    with pytest.raises(NotFoundError):
        egress_to(Recorder()).get("http://nowhere.example/")
    egress.close()


def test_a_page_over_the_limit_is_read_no_further(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    sent = 0

    def endless(handler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            for _ in range(10_000):
                handler.wfile.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
                sent += 65_536
        except OSError:
            handler.close_connection = True

    pages["/endless"] = endless
    pages["/said"] = (200, {"Content-Length": "2000000"}, b"")
    egress = egress_to(recorder, max_bytes=1_000_000)
    for path in ("/endless", "/said"):
        with pytest.raises(TooLargeError):
            egress.get(f"http://example.org{path}")
    assert sent < 50_000_000
    egress.close()


def test_a_bomb_of_gzip_is_unpacked_no_further_than_the_limit(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    packed = {"Content-Encoding": "gzip"}
    pages["/bomb"] = (200, packed, gzip.compress(bytes(50_000_000)))
    pages["/good"] = (200, packed, gzip.compress(b"text"))
    pages["/cut"] = (200, packed, gzip.compress(b"text" * 1_000)[:-9])
    pages["/other"] = (200, {"Content-Encoding": "br"}, b"text")
    egress = egress_to(recorder, max_bytes=1_000_000)
    assert egress.get("http://example.org/good").content == b"text"
    with pytest.raises(TooLargeError):
        egress.get("http://example.org/bomb")
    for path in ("/cut", "/other"):
        with pytest.raises(UnreadableDocumentError):
            egress.get(f"http://example.org{path}")
    egress.close()


@pytest.mark.parametrize("slow_part", ["nothing", "headers", "body", "late"])
def test_a_server_that_drips_is_left_in_time(site: tuple[Site, Recorder], slow_part: str) -> None:
    pages, recorder = site

    def drip(handler) -> None:
        handler.close_connection = True
        begun = {
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
            "headers": b"HTTP/1.1 200 OK\r\n",
        }
        try:
            handler.wfile.write(begun.get(slow_part, b""))
            for number in range(40):
                time.sleep(0.1)
                # "late" says its first word shortly before the end, and then no more.
                if slow_part in begun or (slow_part, number) == ("late", 7):
                    handler.wfile.write(b"H")
        except OSError:
            pass

    pages["/"] = drip
    egress = egress_to(recorder, timeout_s=1.0)
    start = time.monotonic()
    with pytest.raises(UnavailableError, match="longer than"):
        egress.get("http://example.org/")
    assert time.monotonic() - start < 1.6
    egress.close()


def test_a_server_that_breaks_off_may_be_tried_again(site: tuple[Site, Recorder]) -> None:
    pages, recorder = site
    pages["/garbage"] = lambda handler: handler.wfile.write(b"garbage\r\n\r\n")
    pages["/cut"] = (200, {"Content-Length": "100", "Connection": "close"}, b"half")
    egress = egress_to(recorder, timeout_s=1)
    for path in ("/garbage", "/cut"):
        with pytest.raises(UnavailableError):
            egress.get(f"http://example.org{path}")
    with pytest.raises(UnavailableError, match="cannot be reached"):
        egress_to(Recorder()).get("http://example.org/")
    egress.close()


_CLIENTS = {"aiohttp", "ftplib", "httpcore", "httpx", "paramiko", "requests", "socket", "urllib3"}
_MAY = {
    "ingest/egress.py": "the one way out",
    "ingest/dialling.py": "its connections",
    "ingest/sources/robots.py": "parses URLs that the egress checked",
    "ingest/sources/web.py": "parses URLs that the egress checked",
    "ingest/sources/buckets.py": "object stores, which the operator names",
    "ingest/sources/reach.py": "holds the stores that are open",
    "server/identity/issuer.py": "the tokens' issuer, which the operator names",
}


def test_no_other_module_of_the_services_can_fetch() -> None:
    """`tandem/` is not looked at: its clients speak to the engine, to Qdrant and to 127.0.0.1."""
    root = Path(__file__).parents[2]
    found = set()
    for folder in ("ingest", "server"):
        for file in sorted((root / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                for name in names:
                    top = name.split(".")[0]
                    if top in _CLIENTS | {"fsspec", "s3fs", "boto3", "botocore"} or name in (
                        *("urllib.request", "urllib"),
                        "http.client",
                    ):
                        found.add(file.relative_to(root).as_posix())
    assert found - _MAY.keys() == set()
    assert "ingest/egress.py" in found, "the test looks at nothing"
