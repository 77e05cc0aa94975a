"""Reads sitemaps (sitemaps.org/protocol.html): XML, or gzip around it."""

import io
from collections.abc import Iterator
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ingest.inflating import gunzip, is_compressed
from tandem.errors import UnreadableDocumentError

_MOST_CHARS = 2_000
_DEEPEST = 16
_NAMESPACE = "/schemas/sitemap/"


def sitemap(content: bytes, url: str, most: int) -> tuple[bool, Iterator[str]]:
    """Whether `content` lists sitemaps, not pages; and its addresses.

    `most` bounds the unpacked bytes. Raises `UnreadableDocumentError` for what is no sitemap, or has a
    document type, which a sitemap needs not and by which XML attacks its reader.
    """
    if is_compressed(content):
        content = gunzip(content, most, url)
    events = _events(content, url)
    root = next(events, ("", ""))[0]
    if root not in ("urlset", "sitemapindex"):
        raise UnreadableDocumentError(f"{url} is not a sitemap", param="url", hint="Name its XML file.")
    return root == "sitemapindex", _entries(events)


def _entries(events: Iterator[tuple[str, str]]) -> Iterator[str]:
    location = ""
    for name, text in events:
        if name == "loc":
            location = location or text
        elif name in ("url", "sitemap"):
            if location:
                yield location
            location = ""


def _events(content: bytes, url: str) -> Iterator[tuple[str, str]]:
    """The root's name, then every element as it ends: its name without a namespace, and its text."""
    depth, root = 0, None
    try:
        for event, element in iterparse(io.BytesIO(content), events=("start", "end"), forbid_dtd=True):
            namespace, _, name = element.tag.rpartition("}")
            if namespace and _NAMESPACE not in namespace:
                name = element.tag  # Of an extension, such as the addresses of a page's images.
            if event == "start":
                depth += 1
                _check_depth(depth)
                if root is None:
                    root = element
                    yield name, ""
                continue
            depth -= 1
            yield name, (element.text or "").strip()[:_MOST_CHARS]
            # Read is read: a list of any length takes the memory of one entry.
            element.clear()
            if depth == 1 and root is not None:
                root.clear()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UnreadableDocumentError(f"{url} is not a sitemap: {error}", param="url") from error


def _check_depth(depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST}")
