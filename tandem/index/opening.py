"""Opens the index that the settings ask for."""

from pathlib import Path

from tandem.index.protocol import Index
from tandem.settings import IndexSettings


async def open_index(settings: IndexSettings, data_dir: Path, *, dimension: int, fingerprint: str) -> Index:
    """Qdrant Edge in `data_dir`, or the Qdrant server at `settings.url`.

    Raises `IndexOwnedError` when another process has the embedded index, `EmbedderMismatchError` when the
    collection was built by an embedder of another fingerprint, `StorageError` and `UnavailableError`.
    """
    if settings.url is None:
        from tandem.index.edge import EdgeIndex

        folder = data_dir / "index" / settings.collection
        return await EdgeIndex.open(folder, settings, dimension=dimension, fingerprint=fingerprint)
    from tandem.index.server import ServerIndex, connect

    return await ServerIndex.open(connect(settings), settings, dimension=dimension, fingerprint=fingerprint)
