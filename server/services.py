"""What the answering steps and the API work with, wired once in `server.app`."""

from dataclasses import dataclass

from server.example_set import ExampleSet
from server.monitoring import Metrics
from tandem.engine import Engine, EngineClient
from tandem.live import Live
from tandem.prompts import PromptLibrary
from tandem.recipes import RecipeBook
from tandem.rerank import Reranker
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
    prompts: PromptLibrary
    recipes: RecipeBook
    tokens: ModelTokens
    metrics: Metrics
    examples: ExampleSet | None = None
    """Few-shot examples, where `answer.examples` names some."""
    reranker: Reranker | None = None
