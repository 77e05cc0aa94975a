"""The pipeline of Ray Data: entries, readers, embedders, and back."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ingest.cluster.clerk import Clerk
from ingest.cluster.embedding import EmbeddingWriter
from ingest.cluster.reader import Reader
from ingest.cluster.rows import Kind, Task, table_of
from tandem.settings import RaySettings, StoreSettings
from tandem.store import JobDocument

_ENTRIES = 8
"""Documents in one call of a reader."""

_ROWS = 256
"""Rows in one call of an embedder, which sorts them by length."""

_RETRIES = {"max_restarts": -1, "max_task_retries": 3}
"""An actor that dies is started again, and its call repeated; after so many times the call is given up."""


def this_node() -> str:
    """The id of the node on which the calling process runs."""
    node: str = ray.get_runtime_context().get_node_id()
    return node


def start_clerk(task: Task, store: StoreSettings, worker: str) -> Any:
    """The handle of the job's `Clerk` on the node of this process; it lives as long as the handle."""
    here = NodeAffinitySchedulingStrategy(task.home, soft=False)
    actor = ray.remote(Clerk).options(
        name=task.clerk, num_cpus=0, max_concurrency=4, scheduling_strategy=here, **_RETRIES
    )
    return actor.remote(task, store, worker)


def flow(
    entries: Sequence[JobDocument],
    task: Task,
    settings: RaySettings,
    embedder: Callable[..., Any] = EmbeddingWriter,
    batch_rows: int = _ROWS,
) -> Iterator[pa.Table]:
    """Tables of rows as documents get on; blocking. The job's clerk has been started.

    The rows of one document may come in several tables, and in any order. Those of a call that failed again
    and again do not come at all.
    """
    blocks = [
        table_of((entry.place, Kind.ENTRY, entry) for entry in entries[start : start + _ENTRIES])
        for start in range(0, len(entries), _ENTRIES)
    ]
    rows = ray.data.from_arrow(blocks).map_batches(
        Reader,
        fn_constructor_args=(task,),
        batch_size=_ENTRIES,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=settings.readers),
        num_cpus=1,
        **_RETRIES,
    )
    gpus = ray.cluster_resources().get("GPU", 0)
    share = {"num_gpus": min(1, gpus / settings.embedders)} if gpus else {"num_cpus": 1}
    done = rows.map_batches(
        embedder,
        fn_constructor_args=(task,),
        batch_size=batch_rows,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=settings.embedders),
        **share,
        **_RETRIES,
    )
    yield from done.iter_batches(batch_size=None, batch_format="pyarrow")
