"""What is known about documents, jobs and answers, in SQL: SQLite in the data folder, or PostgreSQL."""

from tandem.store.adapter_records import AdapterRow, TagMove
from tandem.store.alert_records import (
    Delivery,
    Guards,
    Intervention,
    RetrainingRequest,
    Silence,
    StoredRule,
)
from tandem.store.audit import AuditEntry
from tandem.store.cached_answers import CachedAnswer, Visible
from tandem.store.eval_runs import EvalRunRow
from tandem.store.eval_set_records import EvalSetRow
from tandem.store.job_records import Claim, Job, JobDocument, NewJobDocument, Outcome
from tandem.store.live_figures import Window
from tandem.store.observation_records import Observation
from tandem.store.open import open_store
from tandem.store.recipe_records import ChampionChange, PromptVersion, RecipeVersion
from tandem.store.records import (
    CollectionRecord,
    CorpusSummary,
    DocumentRecord,
    Hold,
    Original,
    PendingVersion,
    Receipt,
    Reindexing,
    Revision,
    Trace,
)
from tandem.store.store import Store

__all__ = [
    "AdapterRow",
    "AuditEntry",
    "CachedAnswer",
    "ChampionChange",
    "Claim",
    "CollectionRecord",
    "CorpusSummary",
    "Delivery",
    "DocumentRecord",
    "EvalRunRow",
    "EvalSetRow",
    "Guards",
    "Hold",
    "Intervention",
    "Job",
    "JobDocument",
    "NewJobDocument",
    "Observation",
    "Original",
    "Outcome",
    "PendingVersion",
    "PromptVersion",
    "Receipt",
    "RecipeVersion",
    "Reindexing",
    "RetrainingRequest",
    "Revision",
    "Silence",
    "Store",
    "StoredRule",
    "TagMove",
    "Trace",
    "Visible",
    "Window",
    "open_store",
]
