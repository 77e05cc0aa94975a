"""Where documents come from: files, web addresses, buckets and the readers of LlamaIndex."""

from ingest.sources.finding import find_files
from ingest.sources.item import Item
from ingest.sources.kinds import (
    BucketSource,
    FilesSource,
    ReaderSource,
    SitemapSource,
    Source,
    UrlsSource,
)
from ingest.sources.reach import Reach, check_allowed, fetch, fetch_changed, items, tells_changes

__all__ = [
    "BucketSource",
    "FilesSource",
    "Item",
    "Reach",
    "ReaderSource",
    "SitemapSource",
    "Source",
    "UrlsSource",
    "check_allowed",
    "fetch",
    "fetch_changed",
    "find_files",
    "items",
    "tells_changes",
]
