"""What is known about documents, jobs and answers, in SQL: SQLite in the data folder, or PostgreSQL."""

from tandem.store.job_records import Claim, Job, JobDocument, NewJobDocument, Outcome
from tandem.store.open import open_store
from tandem.store.records import CorpusSummary, DocumentRecord, Original, PendingVersion, Receipt, Trace
from tandem.store.store import Store

__all__ = [
    "Claim",
    "CorpusSummary",
    "DocumentRecord",
    "Job",
    "JobDocument",
    "NewJobDocument",
    "Original",
    "Outcome",
    "PendingVersion",
    "Receipt",
    "Store",
    "Trace",
    "open_store",
]
