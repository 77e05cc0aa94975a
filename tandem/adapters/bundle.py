"""A version as one file, `NAME.tandem-adapter`: a tar without compression, the same bytes each time.

`adapter.json` comes first and names all others with size and hash, so each is known before it is read. The file
is not read with tarfile's own reader: links, long names and sparse files are none of the format.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tandem.adapters.naming import MOST_NOTE
from tandem.adapters.peft_config import CONFIG
from tandem.adapters.registry import AdapterRegistry
from tandem.adapters.taking import CURVE, TRAINING
from tandem.adapters.training_questions import QUESTIONS
from tandem.adapters.version import AdapterVersion
from tandem.adapters.version_file import CARD, FACTS, MOST_BYTES, VersionFile, read_version_file
from tandem.adapters.weights import WEIGHTS
from tandem.errors import ConflictError, InvalidRequestError
from tandem.models.disk import require_space, storage_errors

_KNOWN = {CONFIG, WEIGHTS, TRAINING, CURVE, CARD, QUESTIONS}
_BLOCK = tarfile.BLOCKSIZE
_COPIED = 4 * 1024 * 1024
_END = b"\0" * (2 * _BLOCK)


def export_adapter(registry: AdapterRegistry, version: AdapterVersion, file: Path) -> None:
    """Write a version as one file, after its bytes were compared with their hashes.

    Raises `ConflictError` where the file is there, `StorageError` for damaged bytes or a disk that refuses.
    """
    folder = registry.verify(version)
    if file.exists():
        raise ConflictError(f"{file} is there already", hint="Name another file.", param="file")
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with storage_errors(file.parent):
        require_space(file.parent, version.size)
        try:
            with fresh.open("xb") as out:
                for name in (FACTS, *sorted(version.files.keys() - {FACTS})):
                    _write(out, name, folder / name)
                out.write(_END)
                out.flush()
                os.fsync(out.fileno())
            os.link(fresh, file)  # unlike a rename it never replaces what another has written meanwhile
        except FileExistsError as error:
            raise ConflictError(f"{file} is there already", param="file") from error
        finally:
            with suppress(FileNotFoundError):
                fresh.unlink()


def import_adapter(
    registry: AdapterRegistry,
    file: Path,
    *,
    author: str,
    name: str | None = None,
    base: Path | None = None,
) -> AdapterVersion:
    """Register what `export_adapter` wrote as the next version of its name, or of `name`.

    It is checked as any other folder is. `base` is the folder of its base model, where that is at hand. Raises
    `InvalidRequestError` for a torn or foreign file.
    """
    with registry.workplace() as folder:
        found = _unpack(file, folder)
        note = f"Imported: {found.name}@{found.number} by {found.author}, {found.created_at[:10]}"
        return registry.register(
            folder,
            name=name or found.name,
            facts=found.facts,
            author=author,
            note=(f"{note}. {found.note}" if found.note else note)[:MOST_NOTE],
            base=base,
        )


def read_bundle_facts(file: Path) -> VersionFile:
    """What a file says of the version in it. Raises `InvalidRequestError` for a foreign file."""
    with _opened(file) as stream:
        return _facts(stream)


def _write(out: BinaryIO, name: str, source: Path) -> None:
    entry = tarfile.TarInfo(name)  # no owner, no time: the same version is the same file
    entry.size = source.stat().st_size
    out.write(entry.tobuf(tarfile.GNU_FORMAT))
    with source.open("rb") as stream:
        while block := stream.read(_COPIED):
            out.write(block)
    out.write(b"\0" * (-entry.size % _BLOCK))


def _unpack(file: Path, folder: Path) -> VersionFile:
    """Write the files that a bundle holds into the empty `folder`, each compared with its hash."""
    with _opened(file) as stream:
        found = _facts(stream)
        if not found.files.keys() <= _KNOWN:
            raise _torn(f"it names files that no adapter has: {', '.join(sorted(found.files))[:200]}")
        require_space(folder, sum(entry.size for entry in found.files.values()))
        for name in sorted(found.files):
            wanted, (there, size) = found.files[name], _header(stream)
            if (there, size) != (name, wanted.size):
                raise _torn(f"{there[:80]!r} stands where {name!r} should")
            digest = hashlib.sha256()
            with (folder / name).open("xb") as out:
                for block in _content(stream, size):
                    digest.update(block)
                    out.write(block)
            if digest.hexdigest() != wanted.sha256:
                raise _torn(f"{name} has another hash")
        if stream.read(len(_END) + 1) != _END:
            raise _torn("it does not end where it should")
    return found


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidRequestError(f"{file} cannot be read: {error.strerror}", param="file") from error


def _facts(stream: BinaryIO) -> VersionFile:
    name, size = _header(stream)
    if name != FACTS or size > MOST_BYTES:
        raise _torn(f"it begins with {name[:80]!r}")
    content = io.BytesIO()
    for block in _content(stream, size):
        content.write(block)
    return read_version_file(content.getvalue())


def _header(stream: BinaryIO) -> tuple[str, int]:
    """Name and bytes of the next file."""
    try:
        entry = tarfile.TarInfo.frombuf(stream.read(_BLOCK), "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise _torn(str(error)) from error
    if entry.type != tarfile.REGTYPE or entry.size < 0:
        raise _torn(f"{entry.name[:80]!r} is no plain file")
    return entry.name, entry.size


def _content(stream: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left:
        block = stream.read(min(_COPIED, left))
        if not block:
            raise _torn("it ends too early")
        left -= len(block)
        yield block
    if stream.read(-size % _BLOCK).strip(b"\0"):
        raise _torn("something stands between two files")


def _torn(what: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"This is no whole file of an adapter: {what}",
        hint="Fetch it again; `tandem adapters export` writes such files.",
        param="file",
    )
