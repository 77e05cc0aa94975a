"""What is said of a model that was made ready."""

from pathlib import Path

from tandem.models.manifest import read_manifest
from tandem.models.sources import FolderSource, resolve_source


def name_of(source: str, folder: Path) -> str:
    """The source that `folder` was made from, or the folder's own name: never a path of this machine.

    Raises `ModelSourceError` for a source that there is not.
    """
    if not isinstance(resolve_source(source), FolderSource):
        return source
    manifest = read_manifest(folder)
    return manifest.origin.source if manifest else folder.name
