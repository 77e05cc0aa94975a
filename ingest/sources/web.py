"""Documents at web addresses: from a list, or as a sitemap names them."""

import codecs
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx

from ingest.accept import Upload
from ingest.egress import Egress, Reply
from ingest.sources.item import Item
from ingest.sources.kinds import SitemapSource, UrlsSource
from ingest.sources.robots import Robots
from ingest.sources.sitemap import sitemap
from tandem.errors import InvalidRequestError, TooLargeError, UnreadableDocumentError

_MOST_SITEMAPS = 500
_SITEMAP_DEPTH = 2
_ETAG = "etag:"
_MODIFIED = "modified:"
_SETTLED = timedelta(minutes=1)
_PAGE_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})


class Web:
    """The way out with its manners: robots.txt is asked before every page. Any thread may call."""

    def __init__(self, egress: Egress) -> None:
        self.egress = egress
        self._robots = Robots(egress)

    def list_urls(self, source: UrlsSource) -> Iterator[Item]:
        """The listed addresses, each once."""
        for url in dict.fromkeys(self._plain(url) for url in source.urls):
            yield _item(url)

    def list_sitemap(self, source: SitemapSource) -> Iterator[Item]:
        """The pages of a sitemap and of those that it lists, in their order, each once.

        Pages of other hosts are left out, as the protocol of sitemaps asks. Raises `TooLargeError` for
        more pages or sitemaps than are wanted, so that none is left out unseen.
        """
        seen: set[str] = set()
        for url in self._entries(source):
            if url in seen or not source.choice.takes(unquote(urlsplit(url).path).strip("/")):
                continue
            if len(seen) >= source.most:
                raise TooLargeError(
                    f"{source.url} lists more than {source.most:,} pages",
                    param="most",
                    hint="Narrow it with include and exclude, or raise `most` of the source.",
                )
            seen.add(url)
            yield _item(url)

    def fetch(self, item: Item) -> Upload:
        """The document, whatever it was before."""
        reply = self._get(item.locator["url"])
        if reply.status == 304:
            raise UnreadableDocumentError(f"{reply.url} answered that it did not change, though nobody asked")
        return _upload(item, reply)

    def fetch_changed(self, item: Item, known: str) -> Upload | None:
        """The document, or `None` where the server says that it is still as `known`, a former revision."""
        conditions, answered_by = _asked(known, item.locator["url"])
        reply = self._get(item.locator["url"], conditions)
        if reply.status != 304:
            return _upload(item, reply)
        # By another server than the last time the same sign may mean another content.
        return None if reply.url == answered_by else self.fetch(item)

    def _entries(self, source: SitemapSource) -> Iterator[str]:
        first = str(self.egress.checked(source.url))
        hosts = {httpx.URL(first).host, *(host.lower() for host in source.hosts)}
        waiting, seen = deque([(first, 1)]), {first}
        while waiting:
            url, depth = waiting.popleft()
            content = self._get(url).content
            nested, entries = sitemap(content, url, self.egress.max_bytes)
            for location in entries:
                found = self._plain(location)
                if urlsplit(found).hostname not in hosts:
                    continue
                if not nested:
                    yield found
                elif depth < _SITEMAP_DEPTH and found not in seen:
                    seen.add(found)
                    waiting.append((found, depth + 1))
                if len(seen) > _MOST_SITEMAPS:
                    raise TooLargeError(
                        f"{source.url} lists more than {_MOST_SITEMAPS} sitemaps", param="url"
                    )

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        checked = self.egress.checked(url)
        self._robots.check(checked)
        return self.egress.get(str(checked), headers)

    def _plain(self, url: str) -> str:
        """The address as it is always written. One that is never fetched stays as it is, for `fetch` to refuse."""
        try:
            return str(self.egress.checked(url))
        except InvalidRequestError:
            return url


def _item(url: str) -> Item:
    name = unquote(PurePosixPath(urlsplit(url).path).name).replace("/", "_") or "index.html"
    return Item(url, name[-200:], {"url": url})


def _asked(known: str, url: str) -> tuple[dict[str, str], str]:
    """The headers that ask for a page only if it is no longer `known`, and which address had answered."""
    sign, _, answered_by = known.partition("\n")
    if sign.startswith(_ETAG):
        return {"If-None-Match": sign.removeprefix(_ETAG)}, answered_by or url
    return {"If-Modified-Since": sign.removeprefix(_MODIFIED)}, answered_by or url


def _revision(reply: Reply, url: str) -> str | None:
    """The server's sign of what it has sent, with its address where the page's own led elsewhere."""
    sign = None
    if etag := reply.headers.get("etag"):
        sign = _ETAG + etag
    elif (modified := reply.headers.get("last-modified")) and _is_old(modified, reply.headers.get("date")):
        sign = _MODIFIED + modified
    return sign if sign is None or reply.url == url else f"{sign}\n{reply.url}"


def _is_old(modified: str, sent: str | None) -> bool:
    """Whether a change after the sending would show: dates count whole seconds (RFC 9110, 8.8.2.2)."""
    try:
        return parsedate_to_datetime(sent or "") - parsedate_to_datetime(modified) >= _SETTLED
    except (ValueError, TypeError):
        return False


def _upload(item: Item, reply: Reply) -> Upload:
    media_type, _, parameters = reply.headers.get("content-type", "").partition(";")
    name = item.name
    is_page = media_type.strip().lower() in ("text/html", "application/xhtml+xml")
    if is_page and PurePosixPath(name).suffix.lower() not in _PAGE_SUFFIXES:
        name += ".html"
    content = reply.content
    if media_type.strip().lower().startswith(("text/", "application/xhtml")):
        content = _in_utf8(content, parameters)
    return Upload(item.uri, name, content, revision=_revision(reply, item.locator["url"]))


def _in_utf8(content: bytes, parameters: str) -> bytes:
    """The content in UTF-8 where the header names another encoding, which the content itself may not."""
    named = [part.split("=", 1)[1] for part in parameters.lower().split(";") if "charset=" in part]
    try:
        codec = codecs.lookup(named[0].strip(" \"'")) if named else None
        if codec is None or codec.name in ("utf-8", "ascii") or not codec._is_text_encoding:
            return content
        # The mark stands above a <meta charset> that names the old encoding.
        return codecs.BOM_UTF8 + content.decode(codec.name).encode("utf-8")
    except (LookupError, ValueError):
        return content
