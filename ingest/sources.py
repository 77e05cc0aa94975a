"""Finds files to ingest."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tandem.errors import InvalidRequestError, NotFoundError, StorageError

SUFFIXES = frozenset({".md", ".markdown", ".txt", ".text", ".rst", ".html", ".htm", ".xhtml", ".pdf"})
"""What is taken from a folder. A file that is named by itself is always tried."""

_FOREIGN_FOLDERS = frozenset({"CVS", "_darcs", "node_modules", "__pycache__"})
"""Folders of tools; those whose names begin with a dot need no list."""


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files under `paths`, sorted, each once.

    Folders are read to their depths, without hidden files, folders of tools, and links that lead
    outside. Raises `NotFoundError` for a path that does not exist, `InvalidRequestError` for a thing
    that is neither file nor folder, `StorageError` for a folder that cannot be read.
    """
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(_files_under(path.resolve()))
        elif path.is_file():
            found.add(path.resolve())
        elif path.exists():
            raise InvalidRequestError(f"{path} is neither a file nor a folder", param="path")
        else:
            raise NotFoundError(f"There is no file or folder {path}", param="path")
    return sorted(found)


def _files_under(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=_unreadable):
        # `os.walk` goes only where this list says, and follows no linked folders.
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _FOREIGN_FOLDERS]
        for name in names:
            file = Path(folder, name)
            if name.startswith(".") or file.suffix.lower() not in SUFFIXES:
                continue
            target = file.resolve()
            if target.is_file() and target.is_relative_to(root):
                yield target


def _unreadable(error: OSError) -> None:
    raise StorageError(
        f"The folder {error.filename} cannot be read: {error.strerror}", hint="Check its rights."
    ) from error
