"""Unpacks a compressed stream, no further than it is read and never past a bound."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

from tandem.errors import TooLargeError, UnreadableDocumentError

_STEP = 256 * 1024
_GIVEN = 64 * 1024
_MOST_STREAMS = 10_000
"""bgzip makes one for each 64 KiB; more of them only cost time."""

_LZMA_MEMORY = 128 * 1024 * 1024
"""Enough for `xz -9`, whose dictionary is 64 MiB; a file may ask for gigabytes."""

_FAULTS = (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError)


class _Decompressor(Protocol):
    """What bz2 and lzma have, and gzip below."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's decompressor in the shape of the others."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max(max_length, 0))


_KINDS: tuple[tuple[bytes, Callable[[], _Decompressor]], ...] = (
    (b"\x1f\x8b", _Gzip),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)),
)


def is_compressed(content: bytes) -> bool:
    """Whether the bytes are gzip, bzip2 or xz."""
    return any(content.startswith(magic) for magic, _ in _KINDS)


def inflate(content: bytes, name: str) -> Iterator[bytes]:
    """Parts of what `content` holds, at most 256 KiB each; streams that follow one another are one.

    Raises `UnreadableDocumentError`, naming the file as `name`, where it is damaged or cut off.
    """
    at = 0
    for _ in range(_MOST_STREAMS):
        make = next((make for magic, make in _KINDS if content.startswith(magic, at)), None)
        if make is None:
            return  # The end, or padding after the last stream, as tools leave it.
        try:
            at = yield from _parts(make(), content, at)
        except _FAULTS as error:
            raise UnreadableDocumentError(f"{name} is damaged: {error}", param="file") from error
    raise UnreadableDocumentError(f"{name} is more than {_MOST_STREAMS} files in one", param="file")


def gunzip(content: bytes, most: int, name: str) -> bytes:
    """All that `content` holds, up to `most` bytes; raises `TooLargeError` where it is more."""
    whole = bytearray()
    for part in inflate(content, name):
        whole += part
        if len(whole) > most:
            raise TooLargeError(
                f"{name} holds more than {most / 1024**2:g} MiB", hint="Raise ingest.max_file_mb."
            )
    return bytes(whole)


def _parts(stream: _Decompressor, content: bytes, at: int) -> Generator[bytes, None, int]:
    """Unpack the stream that begins at `at`; returns where it ends."""
    while not stream.eof:
        given = content[at : at + _GIVEN] if stream.needs_input else b""
        at += len(given)
        starved = stream.needs_input and not given
        part = stream.decompress(given, _STEP)
        if part:
            yield part
        elif starved and not stream.eof:
            raise EOFError("it ends too early")
    return at - len(stream.unused_data)
