"""What is known about documents, jobs and answers, in SQL: SQLite in the data folder, or PostgreSQL."""

from tandem.store.job_records import Claim, Job, JobDocument, NewJobDocument, Outcome
from tandem.store.open import open_store
from tandem.store.recipe_records import ChampionChange, PromptVersion, RecipeVersion
from tandem.store.records import (
    CollectionRecord,
    CorpusSummary,
    DocumentRecord,
    Original,
    PendingVersion,
    Receipt,
    Reindexing,
    Trace,
)
from tandem.store.store import Store

__all__ = [
    "ChampionChange",
    "Claim",
    "CollectionRecord",
    "CorpusSummary",
    "DocumentRecord",
    "Job",
    "JobDocument",
    "NewJobDocument",
    "Original",
    "Outcome",
    "PendingVersion",
    "PromptVersion",
    "Receipt",
    "RecipeVersion",
    "Reindexing",
    "Store",
    "Trace",
    "open_store",
]
