"""Looks into archives as far as it takes to know them: bounded, and without unpacking them."""

import bz2
import lzma
import struct
import zlib

_TAR_BLOCK = 512
_TAR_MAGIC = b"ustar"
_TAR_MAGIC_AT = 257
_LOOKED_AT = 1024 * 1024
"""Packed bytes that may be needed for the first bytes unpacked: a block of bzip2 is 900 kB."""

_XZ_MEMORY = 128 * 1024**2
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22
_LONGEST_COMMENT = 65_535
_ZIP_ENTRY = b"PK\x01\x02"
_ZIP_ENTRY_BYTES = 46
_MOST_NAMES = 2_000
_LONGEST_NAME = 1_000


def is_tar(content: bytes) -> bool:
    """Whether the bytes begin as a tar archive does; the old format without a magic is not known."""
    return content[_TAR_MAGIC_AT : _TAR_MAGIC_AT + len(_TAR_MAGIC)] == _TAR_MAGIC


def unpacked_start(content: bytes) -> bytes:
    """The first block of what is packed with gzip, bzip2 or xz; nothing if that is broken."""
    packed = content[:_LOOKED_AT]
    try:
        if packed.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(wbits=31).decompress(packed, _TAR_BLOCK)
        if packed.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(packed, _TAR_BLOCK)
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY).decompress(packed, _TAR_BLOCK)
    except (zlib.error, OSError, lzma.LZMAError, EOFError):
        return b""


def zip_names(content: bytes) -> list[str]:
    """The names in a zip file's directory, as far as they can be read, and no more than 2,000.

    A name says what the file claims to hold, not that it can be unpacked.
    """
    end = content.rfind(_ZIP_END, max(0, len(content) - _ZIP_END_BYTES - _LONGEST_COMMENT))
    if end < 0 or end + _ZIP_END_BYTES > len(content):
        return []
    size, start = struct.unpack_from("<II", content, end + 12)
    # What stands before the archive shifts it; its directory ends where the end record begins.
    place = start if content.startswith(_ZIP_ENTRY, start) else max(0, end - size)
    names: list[str] = []
    while len(names) < _MOST_NAMES and content.startswith(_ZIP_ENTRY, place):
        if place + _ZIP_ENTRY_BYTES > len(content):
            break
        name, extra, comment = struct.unpack_from("<HHH", content, place + 28)
        begin = place + _ZIP_ENTRY_BYTES
        names.append(content[begin : begin + min(name, _LONGEST_NAME)].decode("utf-8", "replace"))
        place = begin + name + extra + comment
    return names
