"""The second step on a cluster: chunks become vectors, and go into the index."""

import asyncio
from collections.abc import Iterator, Sequence

import pyarrow as pa
import ray

from ingest.cluster.rows import Kind, Row, Task, rows_of, table_of
from tandem.embedding import load_embedder
from tandem.errors import EmbedderMismatchError, TandemError
from tandem.index import Index, Vector, open_index
from tandem.vocabulary import Chunk


class EmbeddingWriter:
    """An actor with a model of its own. Writing a chunk twice writes it once, so a batch may be done again."""

    def __init__(self, task: Task) -> None:
        """Raises `EmbedderMismatchError` where this node's model is not the command's."""
        at_home = ray.get_runtime_context().get_node_id() == task.home
        self._embedder = load_embedder(task.embedding, task.data_dir if at_home else None)
        if self._embedder.fingerprint != task.fingerprint:
            raise EmbedderMismatchError(
                "A node of the cluster has another embedder than the command",
                hint="Install the same embedding.model on every node.",
                param="embedding.model",
            )
        # The client of the index belongs to one event loop, and Ray calls from a plain thread.
        self._loop = asyncio.new_event_loop()
        self._index: Index | None = None
        if task.index.url is not None:  # else the command owns the index, and writes what comes back
            opening = open_index(
                task.index,
                task.data_dir,
                dimension=self._embedder.dimension,
                fingerprint=self._embedder.fingerprint,
                collection=task.collection,
            )
            self._index = self._loop.run_until_complete(opening)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Chunks are embedded and written; what was told of documents passes through."""
        told: list[Row] = []
        places: list[int] = []
        chunks: list[Chunk] = []
        for place, kind, body in rows_of(batch):
            if kind is Kind.CHUNK:
                places.append(place)
                chunks.append(body)
            else:
                told.append((place, kind, body))
        return table_of([*told, *self._written(places, chunks)])

    def _written(self, places: Sequence[int], chunks: Sequence[Chunk]) -> Iterator[Row]:
        try:
            vectors = self._write(chunks)
        except TandemError as error:
            yield from ((place, Kind.LOST, error) for place in places)
            return
        for place, chunk, vector in zip(places, chunks, vectors, strict=True):
            if self._index is None:
                yield place, Kind.VECTOR, (chunk, vector)
            else:
                yield place, Kind.WRITTEN, None

    def _write(self, chunks: Sequence[Chunk]) -> Vector:
        vectors = self._embedder.embed_documents([chunk.indexed_text for chunk in chunks])
        if self._index is not None:
            self._loop.run_until_complete(self._index.upsert(chunks, vectors))
        return vectors
