"""The vector index."""

from typing import Annotated

from pydantic import Field

from tandem.settings.group import Group


class IndexSettings(Group):
    """The vector index: Qdrant Edge in the process, or a Qdrant server."""

    url: str | None = Field(
        None, description="URL of a Qdrant server; without it, Qdrant Edge in the data folder."
    )
    api_key: str | None = Field(None, description="Key of the Qdrant server.")
    timeout_s: float = Field(
        0.8,
        gt=0,
        description="Longest wait for a search of the Qdrant server; then the answer is status 503.",
    )
    collection: str = Field("tandem", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of the collection.")
    graph_from_chunks: int = Field(
        100_000,
        ge=1_000,
        description="Size from which a tenant gets a graph (HNSW) when the embedded index is compacted; below it, "
        "and before, every vector is looked at.",
    )
    compact_after_chunks: int = Field(
        50_000,
        ge=1,
        description="Chunks of a tenant written or removed after which the embedded index is worth compacting.",
    )
    open_tenants: int = Field(
        64,
        ge=1,
        description="Tenants whose part of the embedded index is kept open; each takes some 3 MiB of memory beside "
        "its chunks, and a question of another waits a fifth of a second for its opening.",
    )
    read_ahead_mb: float = Field(
        1_024.0,
        ge=0,
        description="Most of a tenant's part of the embedded index that is read from the disk as it opens, in MiB; what "
        "is not, the first questions that want it wait for. It stands in the system's cache of files, not in Tandem.",
    )
    metadata_keys: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], ...] = Field(
        (),
        description="Metadata keys by whose text many questions are narrowed: each gets an index of its own.",
    )
