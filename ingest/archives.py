"""Takes archives apart: zip and tar, in memory, as far as they keep within their bounds.

A member's name is never a path on disk, for nothing is written there. What counts is what is really read,
not what a header says of it.
"""

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath

from ingest.accept import Upload
from ingest.inflating import inflate, is_compressed
from ingest.tape import Member, Tape, is_tape
from tandem.errors import InvalidRequestError, TandemError, TooLargeError, UnreadableDocumentError
from tandem.settings import IngestSettings

SUFFIXES = frozenset({".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz"})
"""Of archives, as they are taken from a folder."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ENTRY = b"PK\x01\x02"
_DOCUMENTS = frozenset({"[Content_Types].xml", "mimetype"})
"""Members that make a zip an office document or a book, which is read whole."""

_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflate"}
_MOST_LISTED = 100_000
_LOCAL_HEADER = 30
_UNIX = 3
_STEP = 256 * 1024
_MIB = 1024 * 1024
_FREE = 1 * _MIB
"""What any archive may hold: a few lines of text are often packed tighter than the ratio."""

_FOREIGN = frozenset({"__MACOSX", "CVS", "_darcs", "node_modules", "__pycache__", "Thumbs.db", "desktop.ini"})
_FAULTS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


class Allowance:
    """What an archive, with all that is nested in it, may still give: bytes and files."""

    def __init__(self, upload: Upload, settings: IngestSettings) -> None:
        size = len(upload.content)
        most = settings.max_archive_mb * _MIB
        self._by_ratio = max(_FREE, settings.max_archive_ratio * size)
        self._bytes = min(most, self._by_ratio)
        self._files = settings.max_archive_files
        self._name = upload.name
        self._settings = settings

    def spend(self, size: int) -> None:
        """Count `size` bytes that were read; raises `TooLargeError` when they were too many."""
        self._bytes -= size
        if self._bytes < 0:
            settings = self._settings
            packed = self._by_ratio < settings.max_archive_mb * _MIB
            raise TooLargeError(
                f"{self._name} holds more than {settings.max_archive_ratio:g} times its size"
                if packed
                else f"{self._name} holds more than {settings.max_archive_mb:g} MiB",
                param="file",
                hint=f"Unpack it, or raise ingest.{'max_archive_ratio' if packed else 'max_archive_mb'}.",
            )

    def count(self, files: int = 1) -> None:
        """Count files; raises `TooLargeError` when they were too many."""
        self._files -= files
        if self._files < 0:
            raise TooLargeError(
                f"{self._name} holds more than {self._settings.max_archive_files:,} files",
                param="file",
                hint="Unpack it, or raise ingest.max_archive_files.",
            )


def is_archive(upload: Upload) -> bool:
    """Whether the content is an archive, and not a document that is packed as one."""
    content = upload.content
    if is_compressed(content) or is_tape(content):
        return True
    if not content.startswith(_ZIP):
        return False
    if content.count(_ENTRY) > _MOST_LISTED:
        return True  # Too long a list to look through here; `unpack` refuses it.
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _DOCUMENTS.isdisjoint(archive.namelist())
    except _FAULTS:
        return PurePath(upload.name).suffix.lower() == ".zip"


def unpack(
    upload: Upload, settings: IngestSettings, depth: int, allowance: Allowance | None = None
) -> Iterator[Upload]:
    """The files that an archive holds, at `{uri of the archive}!/{name}`, with its marks.

    `depth` is 1 for an archive that is not in another. Archives in it come as they are: unpack them with
    `depth + 1` and the same `allowance`, which then bounds the whole. Links, devices and hidden files are
    left out. Raises `TooLargeError` for what is over a bound, `InvalidRequestError` for too deep a nesting,
    `UnreadableDocumentError` for damage, encryption and packing of a kind that is not read.
    """
    if depth > settings.max_nesting:
        raise InvalidRequestError(
            f"{upload.name} lies deeper than {settings.max_nesting} archives",
            param="file",
            hint="Unpack the outer ones, or raise ingest.max_nesting.",
        )
    allowance = allowance or Allowance(upload, settings)
    taken: dict[str, int] = {}
    for member in _members(upload, settings, allowance):
        name = clean_name(member.name)
        if _is_foreign(name):
            continue
        name = _unique(name, taken)
        yield replace(
            upload, uri=f"{upload.uri}!/{name}", name=PurePath(name).name, content=member.content, title=None
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An archive in which, or in a part of which, something stopped the unpacking."""

    uri: str
    name: str
    error: TandemError


def leaves(upload: Upload, settings: IngestSettings) -> Iterator[Upload | Refusal]:
    """All files of an archive and of those in it, or the upload itself where it is none.

    An archive that is refused comes as its refusal, behind the files that it gave; the others go on.
    """
    allowance = Allowance(upload, settings)
    waiting = [(upload, 0)]
    while waiting:
        current, depth = waiting.pop()
        if not is_archive(current):
            yield current
            continue
        nested: list[tuple[Upload, int]] = []
        try:
            for member in unpack(current, settings, depth + 1, allowance):
                if is_archive(member):
                    nested.append((member, depth + 1))
                else:
                    yield member
        except TandemError as error:
            yield Refusal(current.uri, current.name, error)
        waiting += reversed(nested)


def clean_name(name: str) -> str:
    """A member's name as a relative path with slashes: nothing in it leads up, out or is unseen."""
    seen = "".join(char for char in name if unicodedata.category(char) not in ("Cc", "Cs"))
    parts = (part.strip() for part in seen.replace("\\", "/").split("/"))
    kept = [part for part in parts if part not in ("", ".", "..")]
    if kept and len(kept[0]) == 2 and kept[0].endswith(":"):
        kept = kept[1:]  # The drive of a Windows path.
    return "/".join(kept) or "unnamed"


def _is_foreign(name: str) -> bool:
    return any(part.startswith(".") or part in _FOREIGN for part in name.split("/"))


def _unique(name: str, taken: dict[str, int]) -> str:
    """`name`, with a number where it was given before; `taken` counts how often each was."""
    path, unique = PurePath(name), name
    while unique in taken:
        taken[name] += 1
        unique = str(path.with_name(f"{path.stem} ({taken[name]}){path.suffix}"))
    taken[unique] = 1
    return unique


def _members(upload: Upload, settings: IngestSettings, allowance: Allowance) -> Iterator[Member]:
    content = upload.content
    if content.startswith(_ZIP):
        return _zip_members(upload, settings, allowance)
    if not is_compressed(content):
        parts = (content[at : at + _STEP] for at in range(0, len(content), _STEP))
        return iter(Tape(_counted(parts, allowance), upload.name, allowance.count))
    return _inflated_members(upload, allowance)


def _counted(parts: Iterator[bytes], allowance: Allowance) -> Iterator[bytes]:
    for part in parts:
        allowance.spend(len(part))
        yield part


def _inflated_members(upload: Upload, allowance: Allowance) -> Iterator[Member]:
    parts = _counted(inflate(upload.content, upload.name), allowance)
    first = next(parts, b"")
    if is_tape(first):
        yield from Tape(_chained(first, parts), upload.name, allowance.count)
        return
    # One packed file, which is named as its archive without the last suffix.
    allowance.count()
    path = PurePath(upload.name)
    yield Member(
        path.stem if path.suffix.lower() in SUFFIXES else path.name, b"".join(_chained(first, parts))
    )


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _zip_members(upload: Upload, settings: IngestSettings, allowance: Allowance) -> Iterator[Member]:
    # Before the list is read, as it is held whole: an entry takes 46 bytes there and 600 in memory.
    if upload.content.count(_ENTRY) > 2 * settings.max_archive_files:
        allowance.count(2 * settings.max_archive_files)
    try:
        with zipfile.ZipFile(io.BytesIO(upload.content)) as archive:
            entries = [entry for entry in archive.infolist() if _is_file(entry)]
            _check_entries(upload, entries)
            for entry in entries:
                allowance.count()
                yield Member(entry.filename, _inflated(archive, entry, allowance))
    except _FAULTS as error:
        raise UnreadableDocumentError(f"{upload.name} is damaged: {error}", param="file") from error


def _is_file(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a plain file: the mode of UNIX, where there is one, tells links and devices."""
    mode = entry.external_attr >> 16 if entry.create_system == _UNIX else 0
    return not entry.is_dir() and stat.S_IFMT(mode) in (0, stat.S_IFREG)


def _check_entries(upload: Upload, entries: list[zipfile.ZipInfo]) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.flag_bits & 0x1:
            raise UnreadableDocumentError(
                f"{upload.name} is encrypted", param="file", hint="Unpack it with its password first."
            )
        if entry.compress_type not in _METHODS:
            raise UnreadableDocumentError(
                f"{upload.name} is packed by method {entry.compress_type}",
                param="file",
                hint="Pack it again with deflate, which every tool has.",
            )
        if entry.header_offset < end:
            raise UnreadableDocumentError(f"{upload.name} holds files that overlap", param="file")
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size


def _inflated(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowance: Allowance) -> bytes:
    content = bytearray()
    with archive.open(entry) as stream:
        while part := stream.read(_STEP):
            allowance.spend(len(part))
            content += part
    return bytes(content)
