"""Compressed nothing: streams that unpack to far more than they weigh, made in a moment."""

import struct
import zlib
from functools import cache

MIB = 1024 * 1024


@cache
def deflated(
    mib: int, filler: bytes = b"\x00", before: bytes = b"", after: bytes = b""
) -> tuple[bytes, int, int]:
    """A raw deflate stream of `mib` MiB of filler between two texts, its checksum, and its length unpacked."""
    block = filler * (MIB // len(filler))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    once = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    tail = packer.compress(after) + packer.flush()
    checksum = zlib.crc32(before)
    for _ in range(mib):
        checksum = zlib.crc32(block, checksum)
    size = len(before) + mib * len(block) + len(after)
    return head + once * mib + tail, zlib.crc32(after, checksum), size


def zlib_zeros(mib: int) -> bytes:
    """The same with zlib's frame, as PDFs have it. Its checksum is wrong, which PDF readers do not mind."""
    return b"\x78\xda" + deflated(mib)[0] + b"\x00\x00\x00\x01"


def gzip_zeros(mib: int, before: bytes = b"") -> bytes:
    """The same with gzip's frame."""
    packed, checksum, size = deflated(mib, before=before)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + packed + struct.pack("<II", checksum, size % 2**32)


def zip_of(
    members: dict[str, tuple[bytes, int, int]],
    *,
    stated_size: int | None = None,
    copies: int = 1,
    flags: int = 0,
    attributes: int = 0,
) -> bytes:
    """A zip file of deflated members. `copies` directory entries share one member; sizes may lie."""
    body, directory, count = bytearray(), bytearray(), 0
    for name, (packed, checksum, size) in members.items():
        size = min(size, 0xFFFFFFFF) if stated_size is None else stated_size
        raw = name.encode("utf-8", "surrogateescape")
        method = 0 if name == "mimetype" else 8  # a reader takes that one without unpacking
        fixed = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, checksum, len(packed), size, len(raw), 0)
        for _ in range(copies):
            directory += b"PK\x01\x02" + struct.pack("<H", 20) + fixed
            directory += struct.pack("<HHHII", 0, 0, 0, attributes, len(body)) + raw
            count += 1
        body += b"PK\x03\x04" + fixed + raw + packed
    end = struct.pack("<HHHHIIH", 0, 0, count % 65_536, count % 65_536, len(directory), len(body), 0)
    return bytes(body + directory) + b"PK\x05\x06" + end
