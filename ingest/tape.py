"""Reads tar: POSIX ustar and pax, and GNU's long names.

The standard library's reader holds what a header asks for; this one takes a name of at most 4 KiB and
knows no other extension.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tandem.errors import UnreadableDocumentError

_BLOCK = 512
_MOST_NAME = 4 * 1024
_MOST_HEADER = 64 * 1024
_FILE = (b"0", b"\0", b"7")
_WITHOUT_CONTENT = frozenset(b"123456")
"""Links, devices, folders and pipes: a size in their headers means nothing."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, with its name as it stands there."""

    name: str
    content: bytes


def is_tape(content: bytes) -> bool:
    """Whether the bytes begin with a header of tar: its checksum says so."""
    return len(content) >= _BLOCK and _sum_is_right(content[:_BLOCK])


class Tape:
    """The files of a tar whose bytes come in parts, one after the other."""

    def __init__(self, parts: Iterator[bytes], name: str, count: Callable[[], None]) -> None:
        """`count` is called for each header, so that endless ones end; it may raise."""
        self._parts = parts
        self._name = name
        self._count = count
        self._buffer = bytearray()

    def __iter__(self) -> Iterator[Member]:
        """Plain files only. Raises `UnreadableDocumentError` for a damaged header or an early end."""
        longer: str | None = None
        while header := self._header():
            kind, size = header[156:157], self._number(header[124:136])
            if kind in (b"L", b"x"):
                longer = self._longer_name(kind, size) or longer
                continue
            if kind[0] in _WITHOUT_CONTENT:
                size = 0
            self._count()
            if kind in _FILE:
                name = longer or _short_name(header)
                content = self._take(size)
                if not name.endswith("/"):
                    yield Member(name, content)
                self._skip(-size % _BLOCK)
            else:
                self._skip(size + -size % _BLOCK)
            longer = None
        for _ in self._parts:
            pass  # What packs the tar has its checksum at its end.

    def _header(self) -> bytes | None:
        """The next header; `None` at the end, which is a block of zeros, or no more bytes."""
        if not self._fill(1):
            return None
        header = self._take(_BLOCK)
        if not header.strip(b"\0"):
            return None
        if not _sum_is_right(header):
            raise self._damaged("a header is not right")
        return header

    def _longer_name(self, kind: bytes, size: int) -> str | None:
        if size > _MOST_HEADER:
            raise self._damaged("a header is too long")
        self._count()
        content = self._take(size)
        self._skip(-size % _BLOCK)
        name = content.split(b"\0", 1)[0] if kind == b"L" else _pax_path(content)
        return None if name is None else name[:_MOST_NAME].decode("utf-8", "replace")

    def _number(self, field: bytes) -> int:
        """A number of a header, in octal digits or, where its first bit is set, as bytes."""
        if field[0] & 0x80:
            return int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        try:
            return int(field.strip(b"\0 ") or b"0", 8)
        except ValueError as error:
            raise self._damaged("a size is no number") from error

    def _take(self, size: int) -> bytes:
        if not self._fill(size):
            raise self._damaged("it ends too early")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _skip(self, size: int) -> None:
        while size > 0:
            if not self._fill(1):
                return  # Some tools leave out what pads the last file.
            step = min(size, len(self._buffer))
            del self._buffer[:step]
            size -= step

    def _fill(self, size: int) -> bool:
        """Whether there are `size` bytes more to take."""
        while len(self._buffer) < size:
            part = next(self._parts, None)
            if part is None:
                return False
            self._buffer += part
        return True

    def _damaged(self, why: str) -> UnreadableDocumentError:
        return UnreadableDocumentError(f"{self._name} is damaged: {why}", param="file")


def _sum_is_right(header: bytes) -> bool:
    """Whether the header's checksum is that of its bytes, with the sum itself counted as spaces."""
    try:
        stated = int(header[148:156].strip(b"\0 ") or b"-1", 8)
    except ValueError:
        return False
    return stated == sum(header) - sum(header[148:156]) + 8 * 0x20


def _short_name(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0":
        name = b"/".join(filter(None, (header[345:500].split(b"\0", 1)[0], name)))
    return name.decode("utf-8", "replace")


def _pax_path(content: bytes) -> bytes | None:
    """The value of `path` among records of the form `length key=value`."""
    path, at = None, 0
    while at < len(content):
        digits, space, _ = content[at : at + 8].partition(b" ")
        if not space or not digits.isdigit() or int(digits) < len(digits) + 3:
            return path
        key, _, value = content[at + len(digits) + 1 : at + int(digits) - 1].partition(b"=")
        path = value if key == b"path" else path
        at += int(digits)
    return path
