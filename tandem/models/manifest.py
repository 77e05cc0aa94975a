"""The list of what was made, from what: by it a folder is known to be whole."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "tandem-model.json"
_FORMAT = 1
_BLOCK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """What a folder was made from: the source's name, and the hash and size in bytes of its file.

    Of a hub the name carries the commit, and there is no one file: `size` is 0.
    """

    source: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of the folder, with its size in bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All files of a folder, by their path in it."""

    origin: Origin
    files: dict[str, FileRecord]


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(folder: Path, origin: Origin) -> None:
    """Hash every file of `folder` and write the list into it."""
    files = {
        file.relative_to(folder).as_posix(): FileRecord(file.stat().st_size, sha256_of(file))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    content = {"format": _FORMAT, **asdict(Manifest(origin, files))}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """The list in `folder`, or `None` where there is none or it cannot be understood."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            return None
        files = {name: FileRecord(**record) for name, record in content["files"].items()}
        return Manifest(Origin(**content["origin"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A half-written or foreign list says the same as none: the folder cannot be trusted.
        return None


def find_damage(folder: Path, manifest: Manifest, *, verify: bool) -> str | None:
    """What is wrong with the folder, or `None`.

    Sizes are always compared; every byte is hashed only with `verify`, for it reads the whole folder.
    """
    for name, record in manifest.files.items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        size = file.stat().st_size
        if size != record.size:
            return f"{name} has {size} bytes instead of {record.size}"
        if verify and sha256_of(file) != record.sha256:
            return f"{name} has another hash"
    return None
