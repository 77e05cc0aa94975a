"""The door: what is let in, and as what."""

import hashlib
import re
from dataclasses import dataclass

from ingest.decoding import READS, decode
from ingest.sniffing import MediaType, binary_type, known_binary, promised, text_type
from tandem.errors import (
    InvalidRequestError,
    TooLargeError,
    UnreadableDocumentError,
    UnsupportedDocumentError,
)
from tandem.settings import IngestSettings
from tandem.vocabulary import Marks

_MIB = 1024 * 1024
_CORPUS = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MOST_URI_CHARS = 2_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as handed in. `uri` is the document's address, `name` the file's name."""

    uri: str
    name: str
    content: bytes
    title: str | None = None
    """Stands above the title that the file gives itself."""
    marks: Marks = Marks()
    revision: str | None = None
    """The source's own sign of this state, by which it need not send it again; `None` where it gave none."""
    groups: tuple[str, ...] | None = None
    """Access groups that it is to have, none for everybody; `None` leaves a known document's as they are."""


@dataclass(frozen=True, slots=True)
class Source:
    """An upload that was let in."""

    uri: str
    name: str
    media_type: MediaType
    content: bytes
    text: str | None
    """Decoded, with newlines as `\\n`; `None` for what only its parser can read."""
    content_hash: str
    """SHA-256 in hex."""
    title: str | None = None
    marks: Marks = Marks()
    groups: tuple[str, ...] | None = None


def accept(upload: Upload, settings: IngestSettings) -> Source:
    """Let a file in as what its content is.

    Raises `TooLargeError`, `InvalidRequestError` for an empty file or a strange address,
    `UnsupportedDocumentError` for a type that is not read (an archive too: its files are let in one by
    one), `UnreadableDocumentError` for broken text.
    """
    _check_uri(upload.uri)
    check_size(len(upload.content), upload.name, settings.max_file_mb)
    if not upload.content:
        raise InvalidRequestError(
            f"{upload.name} is empty", param="file", hint="Choose a file with text in it."
        )
    text, media_type = None, binary_type(upload.content)
    if media_type is None:
        text, media_type = _as_text(upload)
    else:
        _refuse_what_is_no_document(upload.name, media_type, settings.ocr)
    digest = hashlib.sha256(upload.content).hexdigest()
    return Source(
        uri=upload.uri,
        name=upload.name,
        media_type=media_type,
        content=upload.content,
        text=text,
        content_hash=digest,
        title=upload.title,
        marks=upload.marks,
        groups=upload.groups,
    )


def check_size(size: int, name: str, max_file_mb: float) -> None:
    """Raises `TooLargeError` for a file of `size` bytes that is over the limit, which is in MiB."""
    if size > max_file_mb * _MIB:
        raise TooLargeError(
            f"{name} is larger than {max_file_mb:g} MiB",
            param="file",
            hint="Split the file, or raise ingest.max_file_mb.",
        )


def check_corpus(corpus: str) -> None:
    """Raises `InvalidRequestError` for a name that a corpus cannot have."""
    if not _CORPUS.fullmatch(corpus):
        raise InvalidRequestError(
            f"{corpus!r} cannot be the name of a corpus",
            param="corpus",
            hint="1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or a digit.",
        )


def _check_uri(uri: str) -> None:
    if not uri.strip() or len(uri) > _MOST_URI_CHARS or _CONTROL.search(uri):
        raise InvalidRequestError(
            "The document's address is empty, too long or holds control characters",
            param="uri",
            hint=f"At most {_MOST_URI_CHARS} characters.",
        )


def _as_text(upload: Upload) -> tuple[str, MediaType]:
    foreign, claim = known_binary(upload.content), promised(upload.name)
    if foreign is not None:
        raise _not_read(upload.name, foreign + (f", though its name says {claim.name}" if claim else ""))
    text = decode(upload.content, upload.name)
    media_type = text_type(text, upload.name)
    if claim is not None and media_type is MediaType.PLAIN:
        raise UnsupportedDocumentError(
            f"{upload.name} is not a {claim.name} file, though its name says so",
            param="file",
            hint="Give it the suffix of what it is, or export it again.",
        )
    if not text.strip():
        raise UnreadableDocumentError(
            f"{upload.name} holds only white space", param="file", hint="Choose a file with text in it."
        )
    return text, media_type


def _refuse_what_is_no_document(name: str, media_type: MediaType, ocr: bool) -> None:
    claim = promised(name)
    if media_type is MediaType.ZIP and claim is not None and not claim.is_archive:
        raise UnreadableDocumentError(
            f"{name} is not a whole {claim.name} file, though its name says so",
            param="file",
            hint="Was it cut off on its way? Export or copy it again.",
        )
    if media_type.is_archive:
        raise UnsupportedDocumentError(
            f"{name} is an archive, not a document",
            param="file",
            hint="Ingest it as a source of files, such as with `tandem ingest`, or unpack it first.",
        )
    if media_type.is_image and not ocr:
        raise UnsupportedDocumentError(
            f"{name} is a {media_type.name} image, and text recognition is off",
            param="file",
            hint="Set ingest.ocr to true; it needs tesseract's data for ingest.ocr_languages.",
        )


def _not_read(name: str, what: str) -> UnsupportedDocumentError:
    return UnsupportedDocumentError(f"{name} is {what}", param="file", hint=READS)
