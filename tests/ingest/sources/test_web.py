"""Pages from lists and sitemaps, fetched with manners."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from websites import PUBLIC, Recorder, Site, egress_to, website

from ingest.sources import (
    Item,
    Reach,
    SitemapSource,
    UrlsSource,
    fetch,
    fetch_changed,
    items,
)
from tandem.errors import (
    InvalidRequestError,
    NotFoundError,
    SettingsError,
    TandemError,
    TooLargeError,
    UnavailableError,
    UnreadableDocumentError,
)
from tandem.settings import IngestSettings

OPEN = IngestSettings(allow_urls=True)
HOME = "http://example.org"


@pytest.fixture
def web() -> Iterator[tuple[Site, Reach, Recorder]]:
    with website() as (site, port):
        recorder = Recorder(port)
        reach = Reach(OPEN, egress_to(recorder))
        yield site, reach, recorder
        reach.close()


def one(reach: Reach, url: str, **marks: object):
    source = UrlsSource(urls=(url,), **marks)
    (item,) = items(source, reach)
    found = fetch_changed(source, Item(**json.loads(json.dumps(asdict(item)))), reach, None)
    assert found is not None
    return found


def test_urls_are_fetched_only_where_the_settings_say_so() -> None:
    source = UrlsSource(urls=(f"{HOME}/",))
    for shut in (UrlsSource(urls=(f"{HOME}/",)), SitemapSource(url=f"{HOME}/s.xml")):
        with pytest.raises(SettingsError, match="not allowed") as caught:
            list(items(shut, Reach(IngestSettings())))
        assert "allow_urls" in str(caught.value.hint)
    with pytest.raises(SettingsError):
        fetch(source, Item("x", "x", {"url": f"{HOME}/"}), Reach(IngestSettings()))


def test_a_page_is_fetched_with_the_marks_of_its_source(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, recorder = web
    site["/guide"] = (200, {"Content-Type": "text/html; charset=utf-8", "ETag": '"v1"'}, b"<p>guide")
    page = one(reach, f"{HOME}/guide#part", tags=("web",))
    assert (page.uri, page.name, page.content) == (f"{HOME}/guide", "guide.html", b"<p>guide")
    assert page.marks.tags == ("web",)
    assert set(recorder.dialled) == {PUBLIC}


def test_a_bad_address_in_a_list_fails_by_itself(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, recorder = web
    site["/good"] = (200, {}, b"good")
    source = UrlsSource(urls=("file:///etc/passwd", f"{HOME}/good", f"{HOME}/good#again", "http://10.0.0.1/"))
    found = list(items(source, reach))
    assert [item.uri for item in found] == ["file:///etc/passwd", f"{HOME}/good", "http://10.0.0.1/"]
    assert fetch(source, found[1], reach).content == b"good"
    for bad in (found[0], found[2]):
        with pytest.raises(InvalidRequestError):
            fetch(source, bad, reach)
    assert set(recorder.dialled) == {PUBLIC}


@pytest.mark.parametrize(
    ("path", "media_type", "name"),
    [
        ("/", "text/html", "index.html"),
        ("/a/b.pdf", "application/pdf", "b.pdf"),
        ("/a/b.html", "text/html", "b.html"),
        ("/a/b.php?x=1", "text/html", "b.php.html"),
        ("/a/%C3%BC%20x.md", "text/markdown", "ü x.md"),
        ("/a/..%2f..%2fetc", "text/plain", ".._.._etc"),
    ],
)
def test_a_page_is_named_by_its_address_and_type(
    web: tuple[Site, Reach, Recorder], path: str, media_type: str, name: str
) -> None:
    site, reach, _ = web
    site[path] = (200, {"Content-Type": media_type}, b"x")
    assert one(reach, HOME + path).name == name


@pytest.mark.parametrize(
    ("header", "content", "expected"),
    [
        ("text/html; charset=iso-8859-1", b"caf\xe9", "\ufeffcafé".encode()),
        ('text/plain; charset="windows-1252"', b"\x80", "\ufeff€".encode()),
        ("text/html", b"caf\xe9", b"caf\xe9"),
        ("text/html; charset=utf-8", "é".encode(), "é".encode()),
        ("text/html; charset=hex", b"00", b"00"),
        ("text/html; charset=nonsense", b"x", b"x"),
        ("text/html; charset=ascii\x01", b"x", b"x"),
        ("text/html; charset=shift_jis", b"\xff\xff", b"\xff\xff"),
        ("application/pdf; charset=latin-1", b"%PDF \xe9", b"%PDF \xe9"),
    ],
)
def test_the_encoding_that_a_header_names_is_heard(
    web: tuple[Site, Reach, Recorder], header: str, content: bytes, expected: bytes
) -> None:
    site, reach, _ = web
    site["/"] = (200, {"Content-Type": header}, content)
    assert one(reach, f"{HOME}/").content == expected


@pytest.mark.parametrize(
    ("field", "value", "asked"),
    [
        ("ETag", '"v1"', "if-none-match"),
        ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT", "if-modified-since"),
    ],
)
def test_a_page_that_did_not_change_is_not_sent_again(
    web: tuple[Site, Reach, Recorder], field: str, value: str, asked: str
) -> None:
    site, reach, _ = web

    def page(handler) -> None:
        same = handler.headers.get(asked) == value
        handler.send_response(304 if same else 200)
        handler.send_header(field, value)
        handler.send_header("Content-Length", "0" if same else "4")
        handler.end_headers()
        handler.wfile.write(b"" if same else b"page")

    site["/"] = page
    source = UrlsSource(urls=(f"{HOME}/",))
    (item,) = items(source, reach)
    first = fetch_changed(source, item, reach, None)
    assert first is not None
    assert first.content == b"page"
    assert fetch_changed(source, item, reach, first.revision) is None
    changed = fetch_changed(source, item, reach, f"{str(first.revision)[:-2]}x")
    assert changed is not None
    assert changed.content == b"page"


def test_robots_txt_is_read_once_and_obeyed(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, _ = web
    rules = b"User-agent: Tandem\nDisallow: /private\n\nUser-agent: *\nDisallow: /\n"
    site["/robots.txt"] = (200, {}, rules)
    for path in ("/public", "/private/a", "/private/b"):
        site[path] = (200, {}, b"x")
    assert one(reach, f"{HOME}/public").content == b"x"
    for path in ("/private/a", "/private/b"):
        with pytest.raises(InvalidRequestError, match=r"robots\.txt"):
            one(reach, HOME + path)
    assert [path for path, _ in site.requests] == ["/robots.txt", "/public"]


def test_without_rules_all_is_allowed_and_while_they_cannot_be_had_nothing(
    web: tuple[Site, Reach, Recorder],
) -> None:
    site, reach, _ = web
    site["/"] = (200, {}, b"x")
    site["/robots.txt"] = (503, {"Retry-After": "9"}, b"")
    with pytest.raises(UnavailableError) as caught:
        one(reach, f"{HOME}/")
    assert caught.value.retry_after == 9
    site["/robots.txt"] = (403, {}, b"")
    assert one(reach, f"{HOME}/").content == b"x"


def test_a_failure_of_a_page_says_whether_it_may_pass(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, _ = web
    site["/busy"] = (429, {"Retry-After": "30"}, b"")
    with pytest.raises(UnavailableError) as caught:
        one(reach, f"{HOME}/busy")
    assert caught.value.retry_after == 30
    with pytest.raises(NotFoundError):
        one(reach, f"{HOME}/gone")


URLSET = (
    '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">{}</urlset>'
)
INDEX = '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</sitemapindex>'


def urlset(*paths: str) -> bytes:
    return URLSET.format("".join(f"<url><loc>{path}</loc></url>" for path in paths)).encode()


def index(*paths: str) -> bytes:
    return INDEX.format("".join(f"<sitemap><loc>{path}</loc></sitemap>" for path in paths)).encode()


def listed(reach: Reach, **fields: object) -> list[Item]:
    return list(items(SitemapSource(url=f"{HOME}/sitemap.xml", **fields), reach))


def test_a_sitemap_lists_the_pages_of_its_own_host(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, _ = web
    entries = (
        f"<url><image:image><image:loc>{HOME}/i.png</image:loc></image:image><loc>\n {HOME}/a </loc>"
        "<lastmod>2026-01-02T03:04:05Z</lastmod></url>"
        f"<url><loc>{HOME}/b?x=1&amp;y=2</loc><lastmod>2026-01-02</lastmod></url>"
        f"<url><loc>{HOME}/a</loc></url><url><loc>http://other.example/c</loc></url>"
        "<url><loc>http://127.0.0.1/</loc></url><url><loc>file:///etc/passwd</loc></url><url/>"
    )
    site["/sitemap.xml"] = (200, {}, URLSET.format(entries).encode())
    found = listed(reach)
    assert [item.uri for item in found] == [f"{HOME}/a", f"{HOME}/b?x=1&y=2"]
    assert [item.uri for item in listed(reach, hosts=("Other.example",))][-1] == "http://other.example/c"


def test_pages_of_a_sitemap_are_chosen_by_patterns(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, _ = web
    site["/sitemap.xml"] = (200, {}, urlset(f"{HOME}/docs/a", f"{HOME}/docs/old/b", f"{HOME}/blog/c"))
    assert [item.name for item in listed(reach, include=("docs/**",), exclude=("**/old/**",))] == ["a"]


def test_an_index_of_sitemaps_is_followed_to_its_depth(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, _ = web
    site["/sitemap.xml"] = (
        200,
        {},
        index(f"{HOME}/1.xml.gz", f"{HOME}/sitemap.xml", f"{HOME}/deeper.xml", "http://other.example/x.xml"),
    )
    site["/1.xml.gz"] = (200, {"Content-Type": "application/gzip"}, gzip.compress(urlset(f"{HOME}/a")))
    site["/deeper.xml"] = (200, {}, index(f"{HOME}/2.xml"))
    site["/2.xml"] = (200, {}, urlset(f"{HOME}/never"))
    assert [item.uri for item in listed(reach)] == [f"{HOME}/a"]
    asked = [path for path, _ in site.requests]
    assert asked == ["/robots.txt", "/sitemap.xml", "/1.xml.gz", "/deeper.xml"]


def test_more_pages_or_sitemaps_than_wanted_are_told(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, _ = web
    site["/sitemap.xml"] = (200, {}, urlset(*(f"{HOME}/{number}" for number in range(11))))
    assert len(listed(reach, most=11)) == 11
    with pytest.raises(TooLargeError, match="more than 10 pages"):
        listed(reach, most=10)
    site["/sitemap.xml"] = (200, {}, index(*(f"{HOME}/{number}.xml" for number in range(501))))
    with pytest.raises(TooLargeError, match="500 sitemaps"):
        listed(reach)


LAUGHS = (
    b'<!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<urlset><url><loc>http://example.org/&b;</loc></url></urlset>"
)
EXTERNAL = (
    b'<!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<urlset><url><loc>http://example.org/&x;</loc></url></urlset>"
)
DTD = b'<!DOCTYPE urlset SYSTEM "http://127.0.0.1/x.dtd"><urlset><url><loc>http://example.org/</loc></url></urlset>'


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (LAUGHS, UnreadableDocumentError),
        (EXTERNAL, UnreadableDocumentError),
        (DTD, UnreadableDocumentError),
        (b"<html><body>", UnreadableDocumentError),
        (b"", UnreadableDocumentError),
        (b"text", UnreadableDocumentError),
        (urlset(f"{HOME}/a")[:-12], UnreadableDocumentError),
        (b'<?xml version="1.0" encoding="nonsense"?><urlset/>', UnreadableDocumentError),
        (b"<a>" * 200_000, UnreadableDocumentError),
        (b"<urlset>" + b"<url>" * 100_000, UnreadableDocumentError),
        (gzip.compress(urlset(f"{HOME}/a"))[:-5], UnreadableDocumentError),
        (gzip.compress(b"<urlset>" + bytes(20_000_000)), TooLargeError),
    ],
)
def test_a_hostile_sitemap_is_refused(
    web: tuple[Site, Reach, Recorder], content: bytes, error: type[TandemError]
) -> None:
    site, reach, recorder = web
    site["/sitemap.xml"] = (200, {}, content)
    with pytest.raises(error):
        listed(reach)
    assert set(recorder.dialled) == {PUBLIC}


def test_the_date_of_a_sitemap_is_not_believed(web: tuple[Site, Reach, Recorder]) -> None:
    site, reach, _ = web
    page = f"<url><loc>{HOME}/a</loc><lastmod>2026-01-02T03:04:05Z</lastmod></url>"
    site["/sitemap.xml"] = (200, {}, URLSET.format(page).encode())
    site["/a"] = (200, {"ETag": '"1"'}, b"one")
    source = SitemapSource(url=f"{HOME}/sitemap.xml")
    (item,) = items(source, reach)
    first = fetch_changed(source, item, reach, None)
    assert first is not None
    site["/a"] = (200, {"ETag": '"2"'}, b"two")
    (again,) = items(source, reach)
    second = fetch_changed(source, again, reach, first.revision)
    assert second is not None
    assert second.content == b"two"


@pytest.mark.parametrize(("age", "asks"), [(-5, False), (0, False), (59, False), (61, True)])
def test_a_date_by_which_a_change_after_the_sending_would_not_show_is_no_sign(
    web: tuple[Site, Reach, Recorder], age: int, asks: bool
) -> None:
    site, reach, _ = web
    sent = datetime.now(UTC)

    def page(handler) -> None:
        handler.send_response_only(200)
        handler.send_header("Date", format_datetime(sent, usegmt=True))
        handler.send_header("Last-Modified", format_datetime(sent - timedelta(seconds=age), usegmt=True))
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"page")

    site["/"] = page
    assert (one(reach, f"{HOME}/").revision is not None) == asks


def test_a_page_that_another_server_answers_for_now_is_sent_again(web: tuple[Site, Reach, Recorder]) -> None:
    """The same ETag of two servers says nothing about what they have."""
    site, reach, _ = web

    def answering(content: bytes):
        def page(handler) -> None:
            same = handler.headers.get("if-none-match") == '"1"'
            handler.send_response(304 if same else 200)
            handler.send_header("ETag", '"1"')
            handler.send_header("Content-Length", "0" if same else str(len(content)))
            handler.end_headers()
            handler.wfile.write(b"" if same else content)

        return page

    site["/old"], site["/new"] = answering(b"old"), answering(b"new")
    site["/"] = (302, {"Location": "/old"}, b"")
    source = UrlsSource(urls=(f"{HOME}/",))
    (item,) = items(source, reach)
    first = fetch_changed(source, item, reach, None)
    assert first is not None
    assert fetch_changed(source, item, reach, first.revision) is None
    site["/"] = (302, {"Location": "/new"}, b"")
    second = fetch_changed(source, item, reach, first.revision)
    assert second is not None
    assert second.content == b"new"


def test_a_server_that_sends_nothing_though_nobody_asked_is_refused(
    web: tuple[Site, Reach, Recorder],
) -> None:
    site, reach, _ = web
    site["/"] = (304, {}, b"")
    with pytest.raises(UnreadableDocumentError, match="nobody asked"):
        one(reach, f"{HOME}/")
