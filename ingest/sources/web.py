"""Documents at web addresses: from a list, or as a sitemap names them."""

import codecs
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx

from ingest.accept import Upload
from ingest.egress import Egress, Reply
from ingest.sources.item import Item
from ingest.sources.kinds import SitemapSource, UrlsSource
from ingest.sources.robots import Robots
from ingest.sources.sitemap import sitemap
from tandem.errors import InvalidRequestError, TooLargeError

_MOST_SITEMAPS = 500
_SITEMAP_DEPTH = 2
_ETAG = "etag:"
_MODIFIED = "modified:"
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
        for url, modified in self._entries(source):
            if url in seen or not source.choice.takes(unquote(urlsplit(url).path).strip("/")):
                continue
            if len(seen) >= source.most:
                raise TooLargeError(
                    f"{source.url} lists more than {source.most:,} pages",
                    param="most",
                    hint="Narrow it with include and exclude, or raise `most` of the source.",
                )
            seen.add(url)
            # A day alone cannot tell a page of the morning from one of the evening.
            yield _item(url, modified if modified and "T" in modified else None)

    def fetch(self, item: Item, known: str | None = None) -> Upload | None:
        """The document, or `None` where the server says that it is still as `known`, a former revision."""
        reply = self._get(item.locator["url"], _conditions(known))
        return None if reply.status == 304 else _upload(item, reply)

    def _entries(self, source: SitemapSource) -> Iterator[tuple[str, str | None]]:
        first = str(self.egress.checked(source.url))
        hosts = {httpx.URL(first).host, *(host.lower() for host in source.hosts)}
        waiting, seen = deque([(first, 1)]), {first}
        while waiting:
            url, depth = waiting.popleft()
            content = self._get(url).content
            nested, entries = sitemap(content, url, self.egress.max_bytes)
            for location, modified in entries:
                found = self._plain(location)
                if urlsplit(found).hostname not in hosts:
                    continue
                if not nested:
                    yield found, modified
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


def _item(url: str, revision: str | None = None) -> Item:
    name = unquote(PurePosixPath(urlsplit(url).path).name).replace("/", "_") or "index.html"
    return Item(url, name[-200:], {"url": url}, revision)


def _conditions(known: str | None) -> dict[str, str]:
    if known and known.startswith(_ETAG):
        return {"If-None-Match": known.removeprefix(_ETAG)}
    if known and known.startswith(_MODIFIED):
        return {"If-Modified-Since": known.removeprefix(_MODIFIED)}
    return {}


def _upload(item: Item, reply: Reply) -> Upload:
    media_type, _, parameters = reply.headers.get("content-type", "").partition(";")
    name = item.name
    is_page = media_type.strip().lower() in ("text/html", "application/xhtml+xml")
    if is_page and PurePosixPath(name).suffix.lower() not in _PAGE_SUFFIXES:
        name += ".html"
    content = reply.content
    if media_type.strip().lower().startswith(("text/", "application/xhtml")):
        content = _in_utf8(content, parameters)
    revision = item.revision
    if revision is None and (etag := reply.headers.get("etag")):
        revision = _ETAG + etag
    elif revision is None and (modified := reply.headers.get("last-modified")):
        revision = _MODIFIED + modified
    return Upload(item.uri, name, content, revision=revision)


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
