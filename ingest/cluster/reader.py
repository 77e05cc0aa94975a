"""The first step on a cluster: from an entry of the job to chunks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import ray
import structlog
from ray.exceptions import RayError, RayTaskError

from ingest.accept import Upload, accept
from ingest.child import ParserChildren
from ingest.chunking import Chunker
from ingest.cluster.clerk import Fixed
from ingest.cluster.rows import Begun, Failed, Kind, Opened, Row, Task, Told, Unchanged, rows_of, table_of
from ingest.duplicates import Likeness
from ingest.jobs.entries import item_of
from ingest.jobs.opening import check_depth, opened, source_of
from ingest.parsing import parse
from ingest.reading import attached, reading_of
from ingest.sources import FilesSource, Reach, fetch
from ingest.writing import is_version
from tandem.embedding import load_embedder
from tandem.errors import TandemError, UnavailableError
from tandem.index import check_metadata
from tandem.store import JobDocument
from tandem.vocabulary import Caller, Chunk, document_id

log = structlog.get_logger(__name__)


class Reader:
    """An actor that fetches, accepts, parses in confined children, splits, and has the version begun."""

    def __init__(self, task: Task) -> None:
        """The job's clerk has been started."""
        self._task = task
        self._clerk = ray.get_actor(task.clerk)
        self._at_home = ray.get_runtime_context().get_node_id() == task.home
        # Chunks are measured by the very tokenizer of the model; `semantic` also embeds.
        embedder = load_embedder(task.embedding, task.data_dir if self._at_home else None)
        self._chunker = Chunker(Fixed(task.splitting), lambda: embedder, task.ingest)
        self._children = ParserChildren(task.ingest)
        self._reach = Reach(task.ingest)

    def __call__(self, entries: pa.Table) -> pa.Table:
        """Entries become what was read of them and their chunks."""
        return table_of(row for place, _, entry in rows_of(entries) for row in self._rows(place, entry))

    def _rows(self, place: int, entry: JobDocument) -> Iterator[Row]:
        chunks: Sequence[Chunk] = ()
        told: Told
        try:
            told, chunks = self._read(entry)
        except TandemError as error:
            told = Failed(error)
        except RayError as error:
            told = Failed(UnavailableError(f"The cluster's clerk did not answer: {error}"))
        except Exception as error:
            log.exception("document failed", uri=entry.uri, job=self._task.claim.job_id)
            told = Failed(f"{type(error).__name__}: {error}")
        yield place, Kind.TOLD, told
        yield from ((place, Kind.CHUNK, chunk) for chunk in chunks)

    def _read(self, entry: JobDocument) -> tuple[Told, Sequence[Chunk]]:
        task = self._task
        check_depth(entry, task.ingest)
        upload = self._fetch(entry)
        found = opened(upload, entry, task.manifest, task.ingest)
        if found is not None:
            return Opened(*found), ()
        check_metadata(upload.marks.metadata)
        source = accept(upload, task.ingest)
        version = self._chunker.version_of(task.tenant, task.corpus, source)
        known = document_id(task.tenant, task.corpus, source.uri)
        current = self._ask("current_version", known)
        is_known = current is not None and is_version(current, version)
        if is_known and not source.media_type.is_mail:
            return Unchanged(source.marks.expires_at, groups=source.groups), ()
        parsed = parse(source, self._children)
        if is_known:
            # Whether its attachments went in is not known: the run that read it may have stopped before.
            parts = attached(upload, parsed.attachments)
            return Unchanged(source.marks.expires_at, parts, source.groups), ()
        caller = Caller(task.tenant)
        reading = reading_of(caller, task.corpus, upload, source, parsed, version, self._chunker)
        likeness = Likeness.of(reading.document, task.ingest.near_duplicates)
        original = self._ask("begin", likeness, version)
        chunks = () if original else reading.chunks
        return Begun(replace(reading, chunks=[]), len(chunks), likeness, original), chunks

    def _fetch(self, entry: JobDocument) -> Upload:
        """Here, where the source can be reached from anywhere; else by the clerk."""
        held = entry.content_hash is not None
        if not held:
            source = source_of(entry, self._task.manifest)
            if self._at_home or not isinstance(source, FilesSource):
                return fetch(source, item_of(entry), self._reach)
        upload: Upload = self._ask("fetch", entry)
        return upload

    def _ask(self, method: str, *arguments: Any) -> Any:
        """The clerk's answer. Raises what it raised."""
        try:
            return ray.get(getattr(self._clerk, method).remote(*arguments))
        except RayTaskError as error:
            raise error.cause from error
