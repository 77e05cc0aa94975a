"""What the answering steps and the API work with, wired once in `server.app`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from server.adapters import ServedAdapters
from server.calibration import Calibration, bundled_calibration
from server.events import Events
from server.example_set import ExampleSet
from server.fence import Fence
from server.monitoring import Metrics
from server.resilience import Resilience
from tandem.engine import Engine, EngineClient
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
    client: EngineClient
    recipes: RecipeBook
    tokens: ModelTokens
    metrics: Metrics
    fence: Fence
    adapters: ServedAdapters
    builtin_with: Callable[[str | None], Mapping[str, Recipe]]
    """The recipes of the settings, with this adapter where they name none."""
    examples: ExampleSet | None = None
    """Few-shot examples, where `answer.examples` names some."""
    calibration: Calibration = field(default_factory=bundled_calibration)
    """Of the evidence; `answer.calibration` names another one than Tandem's own."""
    rerankers: Rerankers = field(default_factory=lambda: Rerankers({}))
    resilience: Resilience = field(default_factory=Resilience)
    events: Events[Any] = field(default_factory=Events)
    """Gets an `Answered` of each question that is answered and kept."""
