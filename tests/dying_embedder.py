"""An embedder of a cluster whose process dies once, in the middle of its work."""

import os
from pathlib import Path

import pyarrow as pa

from ingest.cluster.embedding import EmbeddingWriter
from ingest.cluster.rows import Task

MARK = "an-embedder-has-died"


class DyingEmbeddingWriter(EmbeddingWriter):
    """Dies when its first batch is written and not yet told; whichever actor of the pool is the first."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._mark = Path(task.data_dir) / MARK

    def __call__(self, batch: pa.Table) -> pa.Table:
        done = super().__call__(batch)
        try:
            self._mark.touch(exist_ok=False)
        except FileExistsError:
            return done
        os._exit(1)
