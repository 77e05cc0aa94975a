"""The experiments that run, as this server knows them: asking them costs a hash and no database."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from server.adapters import ServedAdapters
from server.monitoring import Metrics
from tandem.errors import NotFoundError, TandemError
from tandem.experiments import arm_at, is_in_scope, unit_of
from tandem.recipes import Recipe, RecipeBook
from tandem.settings import EngineSettings
from tandem.store import Experiment, Store
from tandem.store.experiment_records import CHAMPION, UNSERVED
from tandem.threads import in_thread

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Assigned:
    """What an experiment says of a question: who answers it, and where the answer counts."""

    recipe: Recipe
    experiment: str
    """Its id."""
    arm: str
    unit: str


@dataclass(frozen=True, slots=True)
class Running:
    """An experiment with its recipes, by arm; one that this server does not know is missing."""

    experiment: Experiment
    recipes: Mapping[str, Recipe] = field(default_factory=dict)


class LiveExperiments:
    """Which experiments run. Of one event loop; what it knows is replaced as a whole."""

    def __init__(
        self, book: RecipeBook, adapters: ServedAdapters, engine: EngineSettings, metrics: Metrics
    ) -> None:
        self._book = book
        self._adapters = adapters
        self._engine = engine
        self._metrics = metrics
        self._running: tuple[Running, ...] = ()
        self._following = asyncio.Lock()
        self._dropped: Counter[str] = Counter()
        self._unserved: dict[str, str] = {}

    @property
    def running(self) -> tuple[Running, ...]:
        """Those that run."""
        return self._running

    def find(self, experiment: str | None) -> Running | None:
        """The running one with this id."""
        return next((one for one in self._running if one.experiment.id == experiment), None)

    def choose(
        self,
        tenant: str,
        corpora: Sequence[str] | None,
        user: str | None,
        conversation: str | None,
        champion: Recipe,
    ) -> Assigned | None:
        """Who answers a question that names no recipe; `None` where that is no experiment's business.

        A challenger that cannot be asked is no error: the champion answers, and the arm says so. An experiment whose
        champion is not the one that serves is passed over: who changed it wants it to serve.
        """
        for one in self._running:
            experiment = one.experiment
            if is_in_scope(experiment.plan, tenant, corpora):
                if one.recipes.get(CHAMPION) != champion:
                    return None
                unit = unit_of(experiment, tenant, user, conversation)
                return self._assigned(one, unit, champion)
        return None

    async def follow(self, store: Store) -> None:
        """Take over what was started, grown and ended, by whatever process. Raises what the store raises."""
        async with self._following:  # or what was read before could replace what was read after
            running = await in_thread(store.running_experiments)
            self._running = tuple([Running(one, self._recipes(one)) for one in running])

    async def prepare(self) -> None:
        """Have the challengers' adapters loaded; one that cannot be is told of once, and does without its users."""
        for one in self._running:
            for arm, recipe in one.recipes.items():
                if arm != CHAMPION and not self._is_served(recipe):
                    try:
                        await self._adapters.ensure(recipe.model)
                    except TandemError as error:
                        self._say_unserved(one.experiment, arm, error.message)

    def drop(self, experiment: str) -> None:
        """Note a shadow answer that was not made."""
        self._dropped[experiment] += 1
        self._metrics.shadowed("dropped")

    async def tell_dropped(self, store: Store) -> None:
        """Add those that were not made since the last time to the store. Raises what that raises."""
        for experiment in list(self._dropped):
            count = self._dropped.pop(experiment)
            try:
                await in_thread(store.count_dropped, experiment, count)
            except TandemError:
                self._dropped[experiment] += count
                raise

    def shadow_of(self, experiment: str | None, unit: str | None) -> tuple[str, Recipe | None] | None:
        """In shadow mode the arm that answers a unit's question, too, and its recipe where it can be asked."""
        one = self.find(experiment)
        if one is None or unit is None or one.experiment.plan.mode != "shadow":
            return None
        arm = arm_at(one.experiment.slices, unit)
        if arm == CHAMPION:
            return None
        recipe = one.recipes.get(arm)
        return arm, recipe if recipe is not None and self._is_served(recipe) else None

    def _assigned(self, one: Running, unit: str, champion: Recipe) -> Assigned | None:
        experiment = one.experiment
        arm = arm_at(experiment.slices, unit)
        if experiment.plan.mode == "shadow":
            # Only questions that get a shadow are seen in pairs.
            return None if arm == CHAMPION else Assigned(champion, experiment.id, CHAMPION, unit)
        if arm == CHAMPION:
            return Assigned(champion, experiment.id, arm, unit)
        recipe = one.recipes.get(arm)
        if recipe is None or not self._is_served(recipe):
            self._metrics.unserved()
            self._say_unserved(experiment, arm, "the engine cannot be asked for it")
            return Assigned(champion, experiment.id, arm + UNSERVED, unit)
        self._unserved.pop(f"{experiment.id} {arm}", None)
        return Assigned(recipe, experiment.id, arm, unit)

    def _recipes(self, experiment: Experiment) -> dict[str, Recipe]:
        labels = {one.arm: one.recipe for one in experiment.plan.challengers}
        if experiment.champion is not None:
            labels[CHAMPION] = experiment.champion
        found = {}
        for arm, label in labels.items():
            try:
                found[arm] = self._book.find(label)
            except NotFoundError as error:  # this server's recipes follow a moment later
                log.debug("recipe_not_known_yet", experiment=experiment.name, arm=arm, error=error.message)
        return found

    def _is_served(self, recipe: Recipe) -> bool:
        own = (self._engine.served_name, *self._engine.adapters)
        if recipe.model in own:
            return True
        return self._adapters.is_registered(recipe.model) and self._adapters.is_loaded(recipe.model)

    def _say_unserved(self, experiment: Experiment, arm: str, why: str) -> None:
        key = f"{experiment.id} {arm}"
        if key not in self._unserved:
            self._unserved[key] = why
            log.warning("challenger_not_served", experiment=experiment.name, arm=arm, error=why)
