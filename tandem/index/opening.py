"""Opens the collection that the settings ask for, or another beside it, and drops one."""

import re
from pathlib import Path

from tandem.errors import InvalidRequestError
from tandem.index.protocol import Index
from tandem.settings import IndexSettings
from tandem.threads import in_thread

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def open_index(
    settings: IndexSettings,
    data_dir: Path,
    *,
    dimension: int,
    fingerprint: str,
    collection: str | None = None,
) -> Index:
    """Qdrant Edge in `data_dir`, or the Qdrant server at `settings.url`; `collection` instead of the settings'.

    Raises `IndexOwnedError` when another process has the embedded index, `EmbedderMismatchError` when the
    collection was built by an embedder of another fingerprint, `StorageError` and `UnavailableError`.
    """
    settings = _named(settings, collection)
    if settings.url is None:
        from tandem.index.edge import EdgeIndex

        folder = data_dir / "index" / settings.collection
        return await EdgeIndex.open(folder, settings, dimension=dimension, fingerprint=fingerprint)
    from tandem.index.server import ServerIndex, connect

    return await ServerIndex.open(connect(settings), settings, dimension=dimension, fingerprint=fingerprint)


async def drop_collection(settings: IndexSettings, data_dir: Path, collection: str) -> None:
    """Remove a collection for good; nothing happens if there is none.

    Raises `IndexOwnedError` while any process, this one too, has it open; `StorageError` and
    `UnavailableError`.
    """
    settings = _named(settings, collection)
    if settings.url is None:
        from tandem.index.edge import remove

        return await in_thread(remove, data_dir / "index" / settings.collection)
    from tandem.index.server import connect, drop

    client = connect(settings)
    try:
        await drop(client, settings.collection)
    finally:
        await client.close()


def _named(settings: IndexSettings, collection: str | None) -> IndexSettings:
    """The settings with another collection. Its name becomes a folder's, so it is looked at."""
    if collection is None:
        return settings
    if _NAME.fullmatch(collection) is None:
        raise InvalidRequestError(
            f"{collection[:80]!r} cannot be a collection",
            param="collection",
            hint="A name has 1 to 64 letters (a-z, A-Z), digits, hyphens and underscores.",
        )
    return settings.model_copy(update={"collection": collection})
