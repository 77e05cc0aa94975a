"""What the answering steps and the API work with, wired once in `server.opening`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from server.adapters import ServedAdapters
from server.admission import Admission
from server.calibration import Calibration, bundled_calibration
from server.drift.domains import Domains
from server.events import Events
from server.example_set import ExampleSet
from server.experiments import LiveExperiments
from server.fence import Fence
from server.identity import PrincipalLoader
from server.limiting.limiter import Limiter
from server.monitoring import Metrics
from server.resilience import Resilience
from server.salting import Salting
from server.tracing import Tracing
from tandem.engine import Engine, EngineRouter
from tandem.live import Live
from tandem.recipes import Recipe, RecipeBook
from tandem.rerank import Rerankers
from tandem.settings import Settings
from tandem.store import Store
from tandem.tokens import ModelTokens


@dataclass(frozen=True, slots=True)
class Services:
    """The living parts of one server process."""

    settings: Settings
    store: Store
    live: Live
    engine: Engine
    client: EngineRouter
    """Asks whichever replica of the engine suits a question."""
    recipes: RecipeBook
    tokens: ModelTokens
    metrics: Metrics
    fence: Fence
    adapters: ServedAdapters
    principals: PrincipalLoader
    admission: Admission
    limiter: Limiter
    tracing: Tracing
    experiments: LiveExperiments
    builtin_with: Callable[[str | None], Mapping[str, Recipe]]
    """The recipes of the settings, with this adapter where they name none."""
    examples: ExampleSet | None = None
    """Few-shot examples, where `answer.examples` names some."""
    calibration: Calibration = field(default_factory=bundled_calibration)
    """Of the evidence; `answer.calibration` names another one than Tandem's own."""
    rerankers: Rerankers = field(default_factory=lambda: Rerankers({}))
    resilience: Resilience = field(default_factory=Resilience)
    salting: Salting = field(default_factory=Salting)
    """Of the engine's prefix cache, so that no tenant can time another's questions."""
    events: Events[Any] = field(default_factory=Events)
    """Gets an `Answered` of each question that is answered and kept."""
    domains: Domains = field(default_factory=Domains)
    """How far a question is from what its tenant asks and has documents of."""
