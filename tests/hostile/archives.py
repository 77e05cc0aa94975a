"""Archives that mean harm: bombs, lies, names that are paths, links that lead out."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

from hostile.zeros import deflated, gzip_zeros, zip_of

NAMES = (
    "../evil.txt",
    "../../../../tmp/evil.txt",
    "/etc/evil.txt",
    "a/../../evil.txt",
    "..\\evil.txt",
    "C:\\evil.txt",
    "\\\\server\\share\\evil.txt",
    "%2e%2e/evil.txt",
    "..%2fevil.txt",
    "CON",
    "nul.txt",
    "a\x00b.txt",
    "line\nbreak.txt",
    "\u202etxt.exe",
    ".",
    "..",
    "",
    " ",
    "a" * 300 + ".txt",
    "/".join("d" * 400) + ".txt",
)
"""Names that must never become paths."""

_SYMLINK = 0o120777 << 16


def archives() -> Mapping[str, bytes]:
    """Hostile archives; `ingest.sniffing` knows each of them for an archive."""
    return {**_zips(), **_tars()}


def _zips() -> dict[str, bytes]:
    text = _packed(b"# Tides\n\nThe tide turns at noon.\n")
    flat = zip_of({"zeros.txt": deflated(1024)})
    members = {f"part{n}.zip": zip_of({f"zeros{k}.txt": deflated(64) for k in range(8)}) for n in range(8)}
    return {
        "flat-bomb.zip": flat,
        "many-members-bomb.zip": zip_of({f"zeros{n}.txt": deflated(16) for n in range(64)}),
        "nested-bomb.zip": _zipped(members),
        "nested-deep.zip": _nested(12),
        "quine-like.zip": _nested(60, "quine-like.zip"),
        "overlapping.zip": zip_of({"zeros.txt": deflated(16)}, copies=2_000),
        "lying-size.zip": zip_of({"small.txt": deflated(256)}, stated_size=10),
        "hundred-thousand-members.zip": zip_of({"a.txt": text}, copies=100_000),
        "traversal.zip": zip_of(dict.fromkeys(NAMES, text)),
        "symlink.zip": zip_of({"link.txt": _packed(b"/etc/passwd")}, attributes=_SYMLINK),
        "locked.zip": zip_of({"secret.txt": text}, flags=1),
        "truncated.zip": flat[: len(flat) // 2],
        "no-directory.zip": b"PK\x03\x04" + bytes(200),
        "directory-lies.zip": zip_of({"a.txt": text})[:-10] + b"\xff\xff\xff\x7f\xff\xff\xff\x7f\x00\x00",
        "same-name-twice.zip": zip_of({"a.txt": text}, copies=2),
        "broken-checksum.zip": zip_of({"a.txt": (text[0], 7, text[2])}),
        "broken-stream.zip": zip_of({"a.txt": (b"\xff" * 100, 7, 1000)}),
    }


def _tars() -> dict[str, bytes]:
    tar = _tar(_links)
    bomb = tarfile.TarInfo("zeros.txt")
    bomb.size = 1024 * 1024**2
    giant = tarfile.TarInfo("giant.txt")
    giant.size = 2**60
    start = bomb.tobuf(tarfile.GNU_FORMAT)
    return {
        "links.tar": tar,
        "traversal.tar": _tar(_traversal),
        "devices.tar": _tar(_devices),
        "claims-an-exabyte.tar": giant.tobuf(tarfile.GNU_FORMAT) + bytes(1024),
        "truncated.tar": tar[: len(tar) - 5_000],
        "endless-header.tar": _tar(_long_headers),
        "bomb.tar.gz": gzip_zeros(1024, before=start),
        "bomb.tar.bz2": bz2.compress(start + bytes(64 * 1024**2)),
        "bomb.tar.xz": lzma.compress(start + bytes(64 * 1024**2), preset=0),
        "links.tgz": gzip.compress(tar, mtime=0),
        "truncated.tar.gz": gzip_zeros(64, before=start)[:3_000],
    }


def _nested(depth: int, name: str = "inner.zip") -> bytes:
    content = _zipped({"deep.txt": b"as deep as it goes"})
    for _ in range(depth):
        content = _zipped({name: content, "beside.txt": b"text beside"})
    return content


def _zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _packed(content: bytes) -> tuple[bytes, int, int]:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush(), zlib.crc32(content), len(content)


def _tar(fill) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        fill(archive)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, kind: bytes = tarfile.REGTYPE, **more: object) -> None:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    content = b"evil" if kind == tarfile.REGTYPE else b""
    entry.size = len(content)
    for key, value in more.items():
        setattr(entry, key, value)
    archive.addfile(entry, io.BytesIO(content))


def _links(archive: tarfile.TarFile) -> None:
    _add(archive, "passwd.txt", tarfile.SYMTYPE, linkname="/etc/passwd")
    _add(archive, "out", tarfile.SYMTYPE, linkname="../../..")
    _add(archive, "out/evil.txt")
    _add(archive, "hard.txt", tarfile.LNKTYPE, linkname="/etc/passwd")
    _add(archive, "self", tarfile.SYMTYPE, linkname="self")
    _add(archive, "good.txt")


def _traversal(archive: tarfile.TarFile) -> None:
    for name in NAMES:
        if "\x00" not in name:
            _add(archive, name)


def _devices(archive: tarfile.TarFile) -> None:
    _add(archive, "zero", tarfile.CHRTYPE, devmajor=1, devminor=5)
    _add(archive, "disk", tarfile.BLKTYPE, devmajor=8, devminor=0)
    _add(archive, "pipe", tarfile.FIFOTYPE)


def _long_headers(archive: tarfile.TarFile) -> None:
    _add(archive, "a.txt", pax_headers={"comment": "x" * 5_000_000})
