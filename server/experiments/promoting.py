"""Makes a challenger the champion, in this server and by it in all."""

from server.following import follow_recipes
from server.services import Services
from tandem.experiments import promote
from tandem.experiments.keeping import challenger_to_promote
from tandem.store import Experiment
from tandem.threads import in_thread
from tandem.vocabulary import Caller


async def promote_winner(name: str, arm: str | None, services: Services, by: Caller) -> Experiment:
    """As `promote`; the adapter is loaded before, and if it cannot be, the champion stays. Raises as both."""
    experiment = await in_thread(services.store.experiment, name)
    challenger = challenger_to_promote(experiment, arm)
    await services.adapters.ensure(services.recipes.find(challenger.recipe).model)
    done = await in_thread(promote, name, arm, services.recipes, services.store, services.settings, by)
    await follow_recipes(services)
    return done
