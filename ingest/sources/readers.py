"""Documents that any LlamaIndex reader loads."""

import hashlib
import importlib
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from llama_index.core.readers.base import BaseReader

from ingest.accept import Upload
from ingest.sources.item import Item
from ingest.sources.kinds import ReaderSource
from tandem.errors import InvalidRequestError, SettingsError, TandemError, TooLargeError, UnavailableError
from tandem.settings import IngestSettings
from tandem.vocabulary import Marks, Scalar

_TITLES = ("title", "page_title", "name", "subject")
_ADDRESSES = ("url", "source_url", "link", "permalink", "source")
_PATHS = ("file_path", "path")
_TEXT_SUFFIXES = frozenset({".md", ".markdown", ".txt", ".html", ".htm", ".rst"})
_MOST_METADATA = 50
_MOST_CHARS = 1_000
_MOST_DOCUMENTS = 1_000_000


def list_reader(source: ReaderSource, settings: IngestSettings) -> Iterator[Item]:
    """Load all that the reader has; each item holds its document's text, so that a job can go on by it.

    Raises `InvalidRequestError` for a reader that cannot be had or that fails, `UnavailableError` where
    its failure may pass, `SettingsError` for a variable of the environment that is not set.
    """
    used: dict[str, int] = {}
    for number, document in enumerate(_load(source)):
        if number >= _MOST_DOCUMENTS:
            raise TooLargeError(f"{source.reader} gives more than {_MOST_DOCUMENTS:,} documents")
        text = str(getattr(document, "text", "") or "")
        facts = dict(getattr(document, "metadata", None) or {})
        uri = _uri(source, document, facts, text)
        used[uri] = used.get(uri, 0) + 1
        if used[uri] > 1:  # Such as the pages of one PDF, which readers give as documents of their own.
            uri = f"{uri}#{used[uri]}"
        # Text over the limit is not kept: `read_loaded` refuses it by its size.
        held = text if len(text) <= settings.max_text_chars else None
        locator = {"text": held, "title": _title(facts), "metadata": _metadata(facts)}
        yield Item(uri, _name(facts, uri), locator)


def read_loaded(item: Item, settings: IngestSettings) -> Upload:
    """The document that an item holds."""
    locator = item.locator
    if locator["text"] is None:
        raise TooLargeError(
            f"{item.name} is longer than {settings.max_text_chars:,} characters",
            hint="Raise ingest.max_text_chars.",
        )
    content = locator["text"].encode("utf-8", "replace")
    return Upload(item.uri, item.name, content, locator["title"], Marks(metadata=locator["metadata"]))


def _load(source: ReaderSource) -> list[Any]:
    reader_class = _class_of(source.reader)
    secrets = {argument: _variable(name) for argument, name in source.environment.items()}
    try:
        return list(reader_class(**source.arguments, **secrets).load_data(**source.load))
    except Exception as error:  # a reader may be anyone's, and raise anything
        raise _fault(source.reader, error, tuple(secrets.values())) from error


def _class_of(path: str) -> type[BaseReader]:
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise InvalidRequestError(
            f"{path} cannot be imported: {error}",
            param="reader",
            hint="Install the reader's package, such as llama-index-readers-wikipedia.",
        ) from error
    if not isinstance(found, type) or not issubclass(found, BaseReader):
        raise InvalidRequestError(f"{path} is not a LlamaIndex reader", param="reader")
    return found


def _variable(name: str) -> str:
    # Not a setting of ours: a secret of a reader's, which has to stay out of manifests.
    value = os.environ.get(name)
    if value is None:
        raise SettingsError(f"The variable {name} is not set", param=name)
    return value


def _fault(reader: str, error: Exception, secrets: tuple[str, ...]) -> TandemError:
    words = str(error)
    for secret in filter(None, secrets):
        words = words.replace(secret, "***")
    message = f"{reader} failed: {type(error).__name__}: {words[:300]}"
    if isinstance(error, ConnectionError | TimeoutError):
        return UnavailableError(message, param="reader")
    return InvalidRequestError(message, param="reader", hint="Check `arguments` and `load` of the source.")


def _uri(source: ReaderSource, document: Any, facts: dict[str, Any], text: str) -> str:
    """An address that is the same from run to run: of the page, of the file, or of the id in the reader."""
    for key in _ADDRESSES:
        value = facts.get(key)
        if isinstance(value, str) and "://" in value:
            return value.strip()
    for key in _PATHS:
        value = facts.get(key)
        if isinstance(value, str) and value.strip():
            return Path(value.strip()).absolute().as_uri()
    key = str(getattr(document, "doc_id", "") or "")
    if not key or _is_random(key):  # An id that each run draws anew tells nothing; the text does.
        key = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
    return f"reader:{source.reader}#{key}"


def _is_random(key: str) -> bool:
    try:
        return UUID(key).version == 4
    except ValueError:
        return False


def _title(facts: dict[str, Any]) -> str | None:
    found = (facts.get(key) for key in _TITLES)
    return next((value.strip() for value in found if isinstance(value, str) and value.strip()), None)


def _name(facts: dict[str, Any], uri: str) -> str:
    """A name for text: the file that it was taken from may have been of any type."""
    named = facts.get("file_name")
    path = PurePath(named if isinstance(named, str) and named else uri.rstrip("/"))
    name = path.name[-200:] or "document"
    return name if path.suffix.lower() in _TEXT_SUFFIXES else f"{name}.txt"


def _metadata(facts: dict[str, Any]) -> dict[str, Scalar]:
    kept: dict[str, Scalar] = {}
    for key, value in facts.items():
        if isinstance(value, str):
            value = value[:_MOST_CHARS]
        elif not isinstance(value, bool | int | float) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            continue
        if len(kept) < _MOST_METADATA and key not in _PATHS:
            kept[str(key)[:100]] = value
    return kept
