"""Small compound files (OLE2), as Outlook and the office programs of old write them."""

import struct
from collections.abc import Mapping
from itertools import pairwise

_SECTOR = 512
_SMALLEST = 4096
"""Shorter streams would live elsewhere in the file, so texts are filled up to this length with NULs."""

_FREE, _END, _FAT, _NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF


def msg_bytes(fields: Mapping[str, str], attachments: Mapping[str, bytes]) -> bytes:
    """An Outlook message: properties by their tag in hex, and files of 4,096 bytes or more by name."""
    root: dict[str, object] = {"__properties_version1.0": bytes(_SMALLEST)}
    root |= {f"__substg1.0_{tag}001F": text.encode("utf-16-le") for tag, text in fields.items()}
    for number, (name, content) in enumerate(attachments.items()):
        root[f"__attach_version1.0_#{number:08X}"] = {
            "__substg1.0_37010102": content,
            "__substg1.0_3707001F": name.encode("utf-16-le"),
        }
    return compound_bytes(root)


def compound_bytes(root: Mapping[str, object]) -> bytes:
    """A compound file; a value is a stream's bytes, or a storage with its own streams."""
    entries: list[bytes] = []
    sectors: list[bytes] = []
    fat: list[int] = []

    def stored(content: bytes) -> tuple[int, int]:
        content = content.ljust(_SMALLEST, b"\x00")
        start = len(sectors)
        pieces = [content[n : n + _SECTOR].ljust(_SECTOR, b"\x00") for n in range(0, len(content), _SECTOR)]
        sectors.extend(pieces)
        fat.extend([*range(start + 1, start + len(pieces)), _END])
        return start, len(content)

    def written(children: Mapping[str, object]) -> int:
        """Write entries, each the right neighbour of the one before; returns the first one's number."""
        numbers = []
        for name, content in children.items():
            number = len(entries)
            numbers.append(number)
            entries.append(b"")
            if isinstance(content, bytes):
                start, size = stored(content)
                entries[number] = _entry(name, 2, _NONE, start, size)
            else:
                assert isinstance(content, Mapping)
                entries[number] = _entry(name, 1, written(content), 0, 0)
        for left, right in pairwise(numbers):
            entries[left] = entries[left][:72] + struct.pack("<I", right) + entries[left][76:]
        return numbers[0] if numbers else _NONE

    entries.append(b"")
    entries[0] = _entry("Root Entry", 5, written(root), _END, 0)
    directory_start = len(sectors)
    listed = b"".join(entries)
    directory = [listed[n : n + _SECTOR].ljust(_SECTOR, b"\x00") for n in range(0, len(listed), _SECTOR)]
    sectors += directory
    fat += [*range(directory_start + 1, directory_start + len(directory)), _END]
    count = -(-(len(fat) + 1) // 127)
    fat_starts = list(range(len(sectors), len(sectors) + count))
    table = struct.pack(f"<{len(fat) + count}I", *fat, *[_FAT] * count).ljust(count * _SECTOR, b"\xff")
    head = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    head += struct.pack("<IIIIIIIII", 0, count, directory_start, 0, _SMALLEST, _END, 0, _END, 0)
    head += struct.pack("<109I", *fat_starts, *[_FREE] * (109 - count))
    return head + b"".join(sectors) + table


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    raw = name.encode("utf-16-le")
    head = raw.ljust(64, b"\x00") + struct.pack("<HBB", len(raw) + 2, kind, 1)
    return head + struct.pack("<III", _NONE, _NONE, child) + bytes(36) + struct.pack("<IQ", start, size)
