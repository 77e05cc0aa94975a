"""The two questions to a source, whatever its kind: what do you have, and what does it say."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from fsspec import AbstractFileSystem

from ingest.accept import Upload
from ingest.egress import Egress
from ingest.sources.buckets import list_bucket, open_bucket, read_changed, read_object
from ingest.sources.finding import list_files, read_file
from ingest.sources.item import Item
from ingest.sources.kinds import (
    BucketSource,
    FilesSource,
    ReaderSource,
    SitemapSource,
    Source,
    UrlsSource,
)
from ingest.sources.readers import list_reader, read_loaded
from ingest.sources.web import Web
from tandem.access_groups import checked_groups
from tandem.errors import InvalidRequestError, SettingsError
from tandem.settings import IngestSettings

_MIB = 1024 * 1024


class Reach:
    """What sources are read through, opened as it is needed and kept for a job. Any thread may call."""

    def __init__(self, settings: IngestSettings, egress: Egress | None = None) -> None:
        """`egress` is made by the settings where none is given."""
        self.settings = settings
        self._egress = egress
        self._web: Web | None = None
        self._stores: dict[str, AbstractFileSystem] = {}
        self._lock = threading.Lock()

    @property
    def web(self) -> Web:
        """The way to web pages; raises `SettingsError` where the settings keep it shut."""
        _check_urls_allowed(self.settings)
        with self._lock:
            if self._web is None:
                self._egress = self._egress or Egress(
                    max_bytes=int(self.settings.max_file_mb * _MIB), timeout_s=self.settings.fetch_timeout_s
                )
                self._web = Web(self._egress)
            return self._web

    def store(self, source: BucketSource) -> AbstractFileSystem:
        """The file system of a bucket; see `open_bucket` for what is raised."""
        key = source.model_dump_json()
        with self._lock:
            if key not in self._stores:
                self._stores[key] = open_bucket(source)
            return self._stores[key]

    def close(self) -> None:
        """End the connections."""
        if self._egress is not None:
            self._egress.close()


def items(source: Source, reach: Reach) -> Iterator[Item]:
    """The documents of a source, listed as they are asked for, in an order that stays; blocking.

    An error is of the listing as a whole: what is not listed then must not be taken for gone.
    """
    match source:
        case FilesSource():
            return list_files(source, reach.settings)
        case UrlsSource():
            return reach.web.list_urls(source)
        case SitemapSource():
            return reach.web.list_sitemap(source)
        case BucketSource():
            return list_bucket(source, reach.store(source))
        case ReaderSource():
            return list_reader(source, reach.settings)
        case _:
            assert_never(source)


def fetch(source: Source, item: Item, reach: Reach) -> Upload:
    """The document, with the marks of its source; blocking.

    An error is of this document: `UnavailableError` may pass, any other will not.
    """
    match source:
        case FilesSource():
            upload = read_file(item, reach.settings)
        case UrlsSource() | SitemapSource():
            upload = reach.web.fetch(item)
        case BucketSource():
            upload = read_object(item, reach.store(source), reach.settings)
        case ReaderSource():
            upload = read_loaded(item, reach.settings)
        case _:
            assert_never(source)
    return _marked(upload, source)


def tells_changes(source: Source) -> bool:
    """Whether the source can say that a document is as it was. One of records cannot say it of each record."""
    return isinstance(source, UrlsSource | SitemapSource | BucketSource) and source.records is None


def fetch_changed(source: Source, item: Item, reach: Reach, known: str | None) -> Upload | None:
    """As `fetch`, with the revision by which a later call asks; `None` where the source, which
    `tells_changes`, says that the document is still of the revision `known`.
    """
    upload: Upload | None
    if isinstance(source, BucketSource):
        upload = read_changed(item, reach.store(source), reach.settings, known)
    else:
        upload = reach.web.fetch(item) if known is None else reach.web.fetch_changed(item, known)
    return None if upload is None else _marked(upload, source)


def _marked(upload: Upload, source: Source) -> Upload:
    groups = None if source.groups is None else checked_groups(source.groups)
    return replace(upload, marks=source.marks(upload.marks), groups=groups)


def check_allowed(source: Source, settings: IngestSettings) -> None:
    """Raises for a source that a request over HTTP must not name; the command line may name any.

    A caller from outside must not read the server's own files, nor buckets by the server's credentials,
    nor choose code that the server runs.
    """
    match source:
        case UrlsSource() | SitemapSource():
            _check_urls_allowed(settings)
        case ReaderSource():
            named = {reader.replace(":", ".") for reader in settings.readers}
            if source.reader.replace(":", ".") not in named or source.environment:
                raise InvalidRequestError(
                    f"The reader {source.reader} is not allowed over HTTP"
                    + (" with variables of the environment" if source.environment else ""),
                    param="reader",
                    hint="Name it in ingest.readers, or run `tandem ingest` on the server's machine.",
                )
        case FilesSource() | BucketSource():
            raise InvalidRequestError(
                f"A source of kind {source.kind!r} is not allowed over HTTP",
                param="kind",
                hint="Upload the files, or run `tandem ingest` on the server's machine.",
            )
        case _:
            assert_never(source)


def _check_urls_allowed(settings: IngestSettings) -> None:
    if not settings.allow_urls:
        raise SettingsError(
            "Fetching from web addresses is not allowed",
            param="ingest.allow_urls",
            hint="Set ingest.allow_urls to true in tandem.toml, or TANDEM_INGEST__ALLOW_URLS=true.",
        )
