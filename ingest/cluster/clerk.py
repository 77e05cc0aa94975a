"""Keeps the store for the readers of a cluster, beside the command that has started them."""

import threading
from typing import Any

from ingest.accept import Upload
from ingest.cluster.rows import Task
from ingest.duplicates import Likeness
from ingest.jobs.entries import item_of, upload_of
from ingest.jobs.opening import source_of
from ingest.sources import Reach, fetch
from ingest.writing import begin
from tandem.settings import StoreSettings
from tandem.store import JobDocument, Original, open_store
from tandem.vocabulary import Caller


class Clerk:
    """One actor, on the node of the command: so SQLite does, and files there are read where they are.

    Every call may be repeated, as Ray does when the actor had to be started again.
    """

    def __init__(self, task: Task, store: StoreSettings, worker: str) -> None:
        """`worker` is the command's id in the store, in whose name versions are begun."""
        self._task = task
        self._worker = worker
        self._store = open_store(store, task.data_dir)
        self._reach = Reach(task.ingest)
        self._beginning = threading.Lock()

    def fetch(self, entry: JobDocument) -> Upload:
        """A file that the job holds, or one of this machine."""
        if entry.content_hash is not None:
            return upload_of(entry, self._store.content(self._task.claim.job_id, entry.content_hash))
        return fetch(source_of(entry, self._task.manifest), item_of(entry), self._reach)

    def current_version(self, document_id: str) -> str | None:
        """The version of a document that readers see, if there is one."""
        caller = Caller(self._task.tenant)
        record = self._store.document_or_none(caller, self._task.corpus, document_id)
        return None if record is None else record.version

    def begin(self, likeness: Likeness, version: str) -> Original | None:
        """Begin a version; returns the document that says the same, if there is one."""
        with self._beginning:
            return begin(
                self._store,
                likeness.document,
                version,
                likeness,
                None,
                self._worker,
                claim=self._task.claim,
                collection=self._task.collection,
            )


class Fixed:
    """Answers for the store how a corpus is split, as it was when the job was taken."""

    def __init__(self, splitting: dict[str, Any]) -> None:
        self._splitting = splitting

    def splitting_of(self, tenant: str, corpus: str) -> dict[str, Any]:
        """See `Store.splitting_of`; there is but one corpus in a job."""
        return self._splitting
