"""The store as the services see it."""

from tandem.store.access import AccessGroups
from tandem.store.adapters import Adapters
from tandem.store.alerts import Alerts
from tandem.store.audit import AuditLog
from tandem.store.cached_answers import CachedAnswers
from tandem.store.collections import Collections
from tandem.store.corpora import CorpusSettings
from tandem.store.documents import Documents
from tandem.store.drift import Drift
from tandem.store.dumping import Dumping
from tandem.store.duplicates import Duplicates
from tandem.store.eval_runs import EvalRunRows
from tandem.store.eval_set_removals import EvalSetRemovals
from tandem.store.eval_sets import StoredEvalSets
from tandem.store.experiment_answers import ExperimentAnswers
from tandem.store.experiments import Experiments
from tandem.store.feedback import Feedbacks
from tandem.store.feedback_figures import FeedbackFigures
from tandem.store.holdings import Holdings
from tandem.store.indexed import Indexed
from tandem.store.interventions import Interventions
from tandem.store.job_work import JobWork
from tandem.store.jobs import Jobs
from tandem.store.keys import Keys
from tandem.store.live_figures import LiveFigures
from tandem.store.observations import Observations
from tandem.store.outside import OutsideCalibrations
from tandem.store.prompts import Prompts
from tandem.store.question_vectors import QuestionVectors
from tandem.store.recipes import Recipes
from tandem.store.reindexings import Reindexings
from tandem.store.removals import Removals
from tandem.store.revisions import Revisions
from tandem.store.sampled_quality import SampledQuality
from tandem.store.served_adapters import ServedAdapters
from tandem.store.shared_secrets import SharedSecrets
from tandem.store.sweeping import Sweeping
from tandem.store.trace_retention import TraceRetention
from tandem.store.traces import Traces
from tandem.store.turns import Turns
from tandem.store.usage import Usage
from tandem.store.versions import Versions
from tandem.store.workers import Workers


class Store(
    Versions,
    Sweeping,
    Documents,
    AccessGroups,
    Duplicates,
    CorpusSettings,
    Collections,
    Indexed,
    Reindexings,
    Removals,
    Revisions,
    Jobs,
    JobWork,
    Workers,
    Usage,
    Traces,
    CachedAnswers,
    Prompts,
    Recipes,
    Adapters,
    ServedAdapters,
    EvalRunRows,
    StoredEvalSets,
    EvalSetRemovals,
    Observations,
    Feedbacks,
    FeedbackFigures,
    TraceRetention,
    SharedSecrets,
    Turns,
    AuditLog,
    Dumping,
    Holdings,
    Keys,
    Experiments,
    ExperimentAnswers,
    QuestionVectors,
    Drift,
    OutsideCalibrations,
    LiveFigures,
    Alerts,
    Interventions,
    SampledQuality,
):
    """Documents, their versions, links and access groups, collections, jobs, receipts, traces, kept answers,
    prompts, recipes, adapters, eval sets and runs, observations, feedback, keys, experiments, drift, alerts, interventions and the audit log
    in one database.

    Blocking; any thread may call. All methods raise `StorageError` when the disk refuses and
    `UnavailableError` when the database is locked or out of reach.
    """
