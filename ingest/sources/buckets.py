"""Objects of buckets, through fsspec."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import fsspec
from fsspec import AbstractFileSystem

from ingest.accept import Upload
from ingest.sources.finding import SUFFIXES, is_foreign
from ingest.sources.item import Item
from ingest.sources.kinds import BucketSource
from tandem.errors import (
    InvalidRequestError,
    NotFoundError,
    SettingsError,
    TandemError,
    TooLargeError,
    UnavailableError,
)
from tandem.settings import IngestSettings

_S3 = frozenset({"s3", "s3a"})
_PROTOCOLS = _S3 | frozenset(
    [
        "abfs",
        "abfss",
        "adl",
        "az",
        "box",
        "dropbox",
        "gcs",
        "gdrive",
        "gs",
        "hdfs",
        "memory",
        "oci",
        "oss",
        "sftp",
        "smb",
        "ssh",
        "tos",
        "webdav",
        "webhdfs",
    ]
)
"""Stores elsewhere. Files of this machine and web pages have sources, and checks, of their own."""

_DEEPEST = 64
_MIB = 1024 * 1024
_REVISIONS = ("etag", "ETag", "md5Hash", "content_md5", "version_id", "generation")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


def open_bucket(source: BucketSource) -> AbstractFileSystem:
    """The file system that a bucket is in.

    Raises `InvalidRequestError` for a protocol that is no store's, `SettingsError` where the package that
    speaks it, or a profile, is missing.
    """
    protocol = _protocol_of(source)
    options = {**source.options, "skip_instance_cache": True, "use_listings_cache": False}
    if protocol in _S3:
        options |= {"anon": source.anonymous, "profile": source.profile, "endpoint_url": source.endpoint}
        if source.region:
            options["client_kwargs"] = {"region_name": source.region}
    elif source.endpoint or source.region or source.profile or source.anonymous:
        raise InvalidRequestError(
            "endpoint, region, profile and anonymous are of S3 alone",
            param="endpoint",
            hint=f"Give the arguments of fsspec's {protocol} file system in `options`.",
        )
    try:
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        extra = (
            "pip install 'tandem-rag[s3]'" if protocol in _S3 else f"Install what fsspec asks for: {error}"
        )
        raise SettingsError(f"{protocol}:// needs a package that is not installed", hint=extra) from error
    except Exception as error:  # of any of a dozen packages, which share no base
        raise _fault(source.url, error) from error


def list_bucket(source: BucketSource, store: AbstractFileSystem) -> Iterator[Item]:
    """The objects under a bucket's prefix, folder by folder, by name. Raises the errors of `open_bucket`."""
    protocol = _protocol_of(source)
    root = store._strip_protocol(source.url).rstrip("/")
    for path, facts in _walk(store, root, source.url, 0):
        key = path.removeprefix(root).lstrip("/")
        if is_foreign(key) or not source.choice.takes(key):
            continue
        if not source.include and PurePosixPath(key).suffix.lower() not in SUFFIXES:
            continue
        locator = {"path": path, "size": facts.get("size")}
        uri = f"{protocol}://{path.lstrip('/')}"
        yield Item(uri, PurePosixPath(path).name, locator, _revision(facts))


def read_object(item: Item, store: AbstractFileSystem, settings: IngestSettings) -> Upload:
    """The object as it is now; its size is counted as it is read, whatever the listing said."""
    most, size = int(settings.max_file_mb * _MIB), item.locator.get("size")
    content = b""
    if size is None or 0 < size <= most:  # An empty object has no range that a store could send.
        try:
            content = store.cat_file(item.locator["path"], start=0, end=most + 1)
        except Exception as error:  # as above
            raise _fault(item.uri, error) from error
    if len(content) > most or (size or 0) > most:
        raise TooLargeError(
            f"{item.name} is larger than {settings.max_file_mb:g} MiB",
            param="file",
            hint="Split the object, or raise ingest.max_file_mb.",
        )
    return Upload(item.uri, item.name, content)


def read_changed(
    item: Item, store: AbstractFileSystem, settings: IngestSettings, known: str | None
) -> Upload | None:
    """As `read_object`, with the object's revision; `None` where the store says that it is still `known`.

    The store is asked now: the list may be of days ago. What changed while it was read has no revision.
    """
    before = item.revision if known is None else _asked(item, store)
    if known is not None and before == known:
        return None
    upload = read_object(item, store, settings)
    return upload if before is None or _asked(item, store) != before else replace(upload, revision=before)


def _asked(item: Item, store: AbstractFileSystem) -> str | None:
    try:
        return _revision(store.info(item.locator["path"]))
    except Exception as error:  # as above
        raise _fault(item.uri, error) from error


def _walk(
    store: AbstractFileSystem, folder: str, url: str, depth: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paths of all files under `folder` with what the store says of them; a folder's list is held whole."""
    if depth > _DEEPEST:
        raise TooLargeError(f"{url} is deeper than {_DEEPEST} folders", param="url")
    try:
        entries = sorted(store.ls(folder, detail=True), key=lambda entry: str(entry["name"]))
    except Exception as error:  # as above
        raise _fault(url, error) from error
    for entry in entries:
        path = str(entry["name"]).rstrip("/")
        if entry.get("type") != "directory":
            # A folder may have an object of its own name, which marks it and holds nothing.
            if not str(entry["name"]).endswith("/"):
                yield path, entry
        elif path != folder and not is_foreign(PurePosixPath(path).name):
            yield from _walk(store, path, url, depth + 1)


def _protocol_of(source: BucketSource) -> str:
    protocol, separator, _ = source.url.partition("://")
    if not separator or "::" in source.url or protocol not in _PROTOCOLS:
        raise InvalidRequestError(
            f"{source.url!r} is not the URL of a bucket",
            param="url",
            hint="Such as s3://bucket/prefix, gcs:// or abfs://. Files and web pages are sources of other kinds.",
        )
    return protocol


def _revision(facts: dict[str, Any]) -> str | None:
    """The store's own sign of the content; else size and time; `None` where it says neither."""
    for name in _REVISIONS:
        if facts.get(name):
            return str(facts[name]).strip('"')
    moment = next((facts[name] for name in _TIMES if facts.get(name)), None)
    if isinstance(moment, datetime):  # where a list has a number
        moment = moment.timestamp()
    return None if moment is None else f"{moment}-{facts.get('size')}"


def _fault(url: str, error: Exception) -> TandemError:
    """What the store's package raised, as one of ours."""
    kind, words = type(error).__name__, str(error)[:300]
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"There is nothing at {url}", param="url")
    if isinstance(error, PermissionError) or "Credential" in kind or kind == "ProfileNotFound":
        return SettingsError(
            f"{url}: access denied: {words or kind}",
            param="url",
            hint="Set the store's own variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY ...) or name a profile.",
        )
    if isinstance(error, TypeError):
        return InvalidRequestError(f"{url}: {words}", param="options", hint="Check the names in `options`.")
    return UnavailableError(f"{url}: {kind}: {words}", param="url")
