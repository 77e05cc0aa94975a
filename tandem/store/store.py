"""The store as the services see it."""

from tandem.store.adapters import Adapters
from tandem.store.alerts import Alerts
from tandem.store.audit import AuditLog
from tandem.store.cached_answers import CachedAnswers
from tandem.store.collections import Collections
from tandem.store.corpora import CorpusSettings
from tandem.store.documents import Documents
from tandem.store.duplicates import Duplicates
from tandem.store.eval_runs import EvalRunRows
from tandem.store.eval_sets import StoredEvalSets
from tandem.store.indexed import Indexed
from tandem.store.interventions import Interventions
from tandem.store.job_work import JobWork
from tandem.store.jobs import Jobs
from tandem.store.live_figures import LiveFigures
from tandem.store.observations import Observations
from tandem.store.prompts import Prompts
from tandem.store.recipes import Recipes
from tandem.store.reindexings import Reindexings
from tandem.store.removals import Removals
from tandem.store.revisions import Revisions
from tandem.store.sampled_quality import SampledQuality
from tandem.store.served_adapters import ServedAdapters
from tandem.store.sweeping import Sweeping
from tandem.store.traces import Traces
from tandem.store.versions import Versions
from tandem.store.workers import Workers


class Store(
    Versions,
    Sweeping,
    Documents,
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
    Traces,
    CachedAnswers,
    Prompts,
    Recipes,
    Adapters,
    ServedAdapters,
    EvalRunRows,
    StoredEvalSets,
    Observations,
    AuditLog,
    LiveFigures,
    Alerts,
    Interventions,
    SampledQuality,
):
    """Documents, their versions and links, collections, jobs, receipts, traces, kept answers, prompts,
    recipes, adapters, eval sets and runs, observations, the audit log, alerts and interventions in one database.

    Blocking; any thread may call. All methods raise `StorageError` when the disk refuses and
    `UnavailableError` when the database is locked or out of reach.
    """
