"""Jobs: corpora brought up to date from their sources, durably, document by document."""

from ingest.jobs.following import Event, follow
from ingest.jobs.runner import JobRunner
from ingest.jobs.worker import JobWorker, alive, join_workers, say_alive

__all__ = ["Event", "JobRunner", "JobWorker", "alive", "follow", "join_workers", "say_alive"]
