"""Pictures that mean harm."""

import struct
import zlib
from collections.abc import Mapping

from hostile.zeros import zlib_zeros

_PNG = b"\x89PNG\r\n\x1a\n"


def files() -> Mapping[str, bytes]:
    """Vast claims, bombs in chunks, circles, halves."""
    header = struct.pack("<IHIIHH", 40, 0, 0, 0, 1, 24)
    bitmap = b"BM" + struct.pack("<IIIIiiHHIIiiII", 100, 0, 54, 40, 50_000, -50_000, 1, 24, 0, 0, 0, 0, 0, 0)
    ifd = (
        struct.pack("<H", 2)
        + struct.pack("<HHII", 256, 4, 1, 50_000)
        + struct.pack("<HHII", 257, 4, 1, 50_000)
    )
    whole = _png(200, 200, zlib.compress((b"\x00" + b"\xff" * 200) * 200))
    return {
        "vast.png": _png(50_000, 50_000, zlib_zeros(256)),
        "vast-empty.png": _png(50_000, 50_000, zlib.compress(b"")),
        "beyond.png": _png(2**31 - 1, 2**31 - 1, zlib.compress(b"")),
        "wide.png": _png(40_000_000, 1, zlib_zeros(40)),
        "more-than-claimed.png": _png(10, 10, zlib_zeros(1024)),
        "text-bomb.png": _png(
            10, 10, zlib.compress(bytes(110)), _chunk(b"zTXt", b"a\x00\x00" + zlib_zeros(1024))
        ),
        "profile-bomb.png": _png(
            10, 10, zlib.compress(bytes(110)), _chunk(b"iCCP", b"a\x00\x00" + zlib_zeros(1024))
        ),
        "half.png": whole[: len(whole) // 2],
        "zero.png": _png(0, 0, zlib.compress(b"")),
        "vast.gif": b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b"\x3b",
        "frames.gif": b"GIF89a"
        + struct.pack("<HHBBB", 9, 9, 0, 0, 0)
        + (b"," + bytes(8) + b"\x00\x02\x00") * 50_000
        + b"\x3b",
        "vast.bmp": bitmap,
        "empty.bmp": b"BM" + bytes(12) + header,
        "circular.tiff": b"II*\x00\x08\x00\x00\x00" + ifd + b"\x08\x00\x00\x00",
        "noise.tiff": b"MM\x00*" + bytes((n * 31) % 256 for n in range(5_000)),
        "noise.webp": b"RIFF\xff\xff\xff\x7fWEBPVP8L" + bytes((n * 31) % 256 for n in range(5_000)),
        "half.jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(50),
        "vast.jpeg": b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
        + b"\xff\xd9",
    }


def _png(width: int, height: int, packed: bytes, *more: bytes) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return _PNG + head + b"".join(more) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
