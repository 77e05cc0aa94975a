"""Finds files of this machine, and reads them."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from ingest.accept import Upload
from ingest.archives import SUFFIXES as ARCHIVES
from ingest.sources.globs import Choice
from ingest.sources.item import Item
from ingest.sources.kinds import FilesSource
from tandem.errors import InvalidRequestError, NotFoundError, StorageError, TooLargeError
from tandem.settings import IngestSettings

_TEXTS = frozenset({".md", ".markdown", ".mdown", ".mkd", ".txt", ".text", ".rst", ".adoc", ".org", ".tex"})
_PAGES = frozenset({".html", ".htm", ".xhtml", ".epub", ".pdf"})
_OFFICE = frozenset({".docx", ".pptx", ".xlsx", ".odt", ".rtf"})
_MAILS = frozenset({".eml", ".msg"})
_TABLES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson"})
_LANGUAGES = """
bash c cc clj cpp cs css cxx dart el erl ex exs f90 fs go graphql groovy h hh hpp hs java jl js jsx kt kts lisp
lua m ml mm mjs pas php pl pm proto ps1 py pyi r rb rs scala scm scss sh sql swift tcl tf toml ts tsx vb vue xml
yaml yml zig zsh
"""
_CODE = frozenset(f".{suffix}" for suffix in _LANGUAGES.split())
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})

SUFFIXES = _TEXTS | _PAGES | _OFFICE | _MAILS | _TABLES | _CODE | ARCHIVES
"""What is taken from a folder. A file that is named by itself is always tried."""

FOREIGN_FOLDERS = frozenset({"CVS", "_darcs", "node_modules", "__pycache__", "__MACOSX"})
"""Folders of tools; those whose names begin with a dot need no list."""

_FOREIGN_FILES = frozenset({"Thumbs.db", "desktop.ini"})
_MIB = 1024 * 1024
_ALL = Choice()


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files under `paths`, sorted, each once; see `files_of` for what is taken and what is raised."""
    return sorted(files_of(paths))


def files_of(
    paths: Sequence[Path], choice: Choice = _ALL, suffixes: frozenset[str] = SUFFIXES
) -> Iterator[Path]:
    """The files under `paths`, each once, those of a folder by name.

    Folders are read to their depths, without hidden files, folders of tools, and links that lead
    outside. Raises `NotFoundError` for a path that does not exist, `InvalidRequestError` for a thing
    that is neither file nor folder, `StorageError` for a folder that cannot be read.
    """
    seen: set[Path] = set()
    for path in paths:
        for file in _files_at(path, choice, suffixes):
            if file not in seen:
                seen.add(file)
                yield file


def is_foreign(path: str) -> bool:
    """Whether a path with slashes is hidden, or a tool's own, in any of its parts."""
    parts = path.split("/")
    return parts[-1] in _FOREIGN_FILES or any(
        part.startswith(".") or part in FOREIGN_FOLDERS for part in parts
    )


def list_files(source: FilesSource, settings: IngestSettings) -> Iterator[Item]:
    """The files of a source. With OCR on, images are taken too."""
    suffixes = SUFFIXES | _IMAGES if settings.ocr else SUFFIXES
    for file in files_of(source.paths, source.choice, suffixes):
        # A name on disk may be no UTF-8; the address keeps its bytes, the name is for people.
        name = os.fsencode(file.name).decode("utf-8", "replace")
        yield Item(file.as_uri(), name, {"path": str(file)})


def read_file(item: Item, settings: IngestSettings) -> Upload:
    """The file as it is now.

    Raises `NotFoundError`, `TooLargeError` before it is read, `InvalidRequestError` for what is no longer
    a plain file, `StorageError` for one that cannot be read.
    """
    most = int(settings.max_file_mb * _MIB)
    try:
        # A link, a pipe or a folder may have taken the file's place since it was found.
        number = os.open(item.locator["path"], os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            facts = os.fstat(number)
            if not stat.S_ISREG(facts.st_mode):
                raise InvalidRequestError(f"{item.name} is not a plain file", param="path")
            content = b""
            if facts.st_size <= most:
                with os.fdopen(number, "rb", closefd=False) as stream:
                    content = stream.read(most + 1)
        finally:
            os.close(number)
    except FileNotFoundError as error:
        raise NotFoundError(f"{item.name} is gone", param="path") from error
    except OSError as error:
        raise StorageError(
            f"{item.name}: {error.strerror}", hint="Check that the file can be read."
        ) from error
    if facts.st_size > most or len(content) > most:
        raise TooLargeError(
            f"{item.name} is larger than {settings.max_file_mb:g} MiB",
            param="file",
            hint="Split the file, or raise ingest.max_file_mb.",
        )
    return Upload(item.uri, item.name, content)


def _files_at(path: Path, choice: Choice, suffixes: frozenset[str]) -> Iterator[Path]:
    if path.is_dir():
        yield from _files_under(path.resolve(), choice, suffixes)
    elif path.is_file():
        yield path.resolve()
    elif path.exists():
        raise InvalidRequestError(f"{path} is neither a file nor a folder", param="path")
    else:
        raise NotFoundError(f"There is no file or folder {path}", param="path")


def _files_under(root: Path, choice: Choice, suffixes: frozenset[str]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=_unreadable):
        # `os.walk` goes only where this list says, in its order, and follows no linked folders.
        folders[:] = sorted(name for name in folders if not is_foreign(name))
        for name in sorted(names):
            file = Path(folder, name)
            if is_foreign(name) or not choice.takes(file.relative_to(root).as_posix()):
                continue
            # What a pattern names is wanted, whatever its suffix.
            if not choice.include and PurePath(name).suffix.lower() not in suffixes:
                continue
            target = file.resolve()
            if target.is_file() and target.is_relative_to(root):
                yield target


def _unreadable(error: OSError) -> None:
    raise StorageError(
        f"The folder {error.filename} cannot be read: {error.strerror}", hint="Check its rights."
    ) from error
