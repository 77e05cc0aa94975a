"""What is known about documents and answers, in SQL: SQLite in the data folder, or PostgreSQL."""

from tandem.store.open import open_store
from tandem.store.records import CorpusSummary, DocumentRecord, PendingVersion, Trace
from tandem.store.store import Store

__all__ = ["CorpusSummary", "DocumentRecord", "PendingVersion", "Store", "Trace", "open_store"]
