"""All settings, read once from `tandem.toml` and `TANDEM_...`, and passed down from there."""

from tandem.settings.alerts import AlertSettings
from tandem.settings.answer import AnswerSettings
from tandem.settings.cache import CacheSettings
from tandem.settings.drift import DriftSettings
from tandem.settings.embedding import EmbeddingSettings
from tandem.settings.engine import EngineSettings
from tandem.settings.experiments import ExperimentSettings
from tandem.settings.identity import IdentitySettings
from tandem.settings.index import IndexSettings
from tandem.settings.ingest import IngestSettings, RaySettings
from tandem.settings.judge import JudgeSettings
from tandem.settings.limits import LimitSettings
from tandem.settings.reading import KEY_VARIABLE, Settings, read_settings
from tandem.settings.retrieval import RetrievalSettings
from tandem.settings.server import ServerSettings
from tandem.settings.store import StoreSettings
from tandem.settings.traces import TraceSettings

__all__ = [
    "KEY_VARIABLE",
    "AlertSettings",
    "AnswerSettings",
    "CacheSettings",
    "DriftSettings",
    "EmbeddingSettings",
    "EngineSettings",
    "ExperimentSettings",
    "IdentitySettings",
    "IndexSettings",
    "IngestSettings",
    "JudgeSettings",
    "LimitSettings",
    "RaySettings",
    "RetrievalSettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "TraceSettings",
    "read_settings",
]
