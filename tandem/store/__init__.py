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
from tandem.store.drift_records import (
    EVERYBODY,
    DriftReference,
    DriftReport,
    OutsideCalibration,
    Place,
    QuestionVector,
)
from tandem.store.eval_runs import EvalRunRow
from tandem.store.eval_set_records import EvalSetRow, EvalSetUse
from tandem.store.experiment_records import (
    Challenger,
    Experiment,
    ExperimentState,
    Guardrail,
    GuardrailMetric,
    Metric,
    Plan,
    ShadowPair,
    ShadowSide,
    Slice,
    UnitFigures,
)
from tandem.store.feedback_records import (
    ArmFeedback,
    Feedback,
    FeedbackScore,
    FeedbackState,
    Verdict,
    Vote,
    VotedAnswer,
)
from tandem.store.job_records import Claim, Job, JobDocument, NewJobDocument, Outcome
from tandem.store.key_records import ApiKey
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
from tandem.store.trace_pages import TraceWish

__all__ = [
    "EVERYBODY",
    "AdapterRow",
    "ApiKey",
    "ArmFeedback",
    "AuditEntry",
    "CachedAnswer",
    "Challenger",
    "ChampionChange",
    "Claim",
    "CollectionRecord",
    "CorpusSummary",
    "Delivery",
    "DocumentRecord",
    "DriftReference",
    "DriftReport",
    "EvalRunRow",
    "EvalSetRow",
    "EvalSetUse",
    "Experiment",
    "ExperimentState",
    "Feedback",
    "FeedbackScore",
    "FeedbackState",
    "Guardrail",
    "GuardrailMetric",
    "Guards",
    "Hold",
    "Intervention",
    "Job",
    "JobDocument",
    "Metric",
    "NewJobDocument",
    "Observation",
    "Original",
    "Outcome",
    "OutsideCalibration",
    "PendingVersion",
    "Place",
    "Plan",
    "PromptVersion",
    "QuestionVector",
    "Receipt",
    "RecipeVersion",
    "Reindexing",
    "RetrainingRequest",
    "Revision",
    "ShadowPair",
    "ShadowSide",
    "Silence",
    "Slice",
    "Store",
    "StoredRule",
    "TagMove",
    "Trace",
    "TraceWish",
    "UnitFigures",
    "Verdict",
    "Visible",
    "Vote",
    "VotedAnswer",
    "Window",
    "open_store",
]
