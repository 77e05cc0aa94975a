"""Looks after the experiments that run: each ends when it must, and a winner is promoted where that is wanted."""

from datetime import UTC, datetime, timedelta

import structlog

from server.experiments.promoting import promote_winner
from server.services import Services
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError
from tandem.experiments import Ending, ending_of, result_of
from tandem.experiments.wish import label_of
from tandem.recipes import MODEL
from tandem.store import Experiment, ExperimentState
from tandem.store.experiments import SERVER
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_SETTLED = timedelta(seconds=5)
"""After a start; until then this server's recipes may be those of a moment before."""


async def follow_experiments(services: Services) -> None:
    """Know which experiments run. Raises what the store raises."""
    await services.experiments.follow(services.store)


async def prepare_experiments(services: Services) -> None:
    """Have the challengers' adapters loaded, and tell the store what shadows were not made."""
    await services.experiments.prepare()
    await services.experiments.tell_dropped(services.store)


async def tend_experiments(services: Services) -> None:
    """Look once at each experiment whose turn it is; one server does for all. Raises what the store raises."""
    every = timedelta(seconds=services.settings.experiments.look_s)
    for one in services.experiments.running:
        if await in_thread(services.store.take_turn, f"experiment {one.experiment.id}", every):
            await look_at(one.experiment, services)
    for done in await in_thread(services.store.unpromoted_experiments):
        await _promote(done, services)


async def look_at(experiment: Experiment, services: Services) -> None:
    """End the experiment if that is due."""
    store, now = services.store, datetime.now(UTC)
    ending = await _champion_changed(experiment, services, now)
    if ending is None:
        result = await in_thread(result_of, experiment, store, None, now, words=False)
        ending = ending_of(experiment, result, now)
    if ending is None:
        return
    state, why, winner = ending.state, ending.why, ending.winner
    try:
        await in_thread(store.end_experiment, experiment.id, state, why, SERVER, winner)
        log.info("experiment_ended", experiment=experiment.name, state=state.value, why=why, winner=winner)
    except ConflictError:
        log.debug("experiment_was_ended", experiment=experiment.name)  # by somebody else, in the meantime
    await follow_experiments(services)


async def _champion_changed(experiment: Experiment, services: Services, now: datetime) -> Ending | None:
    """Another champion serves, or the recipe of the settings that is the champion is another one now."""
    change = await in_thread(services.store.champion_change)
    served = change.label if change else services.recipes.initial
    if served != experiment.served:
        return Ending(ExperimentState.STOPPED, f"The champion was changed to {served}")
    settled = experiment.started_at is not None and now - experiment.started_at > _SETTLED
    if settled and label_of(services.recipes.of_model(MODEL)) != experiment.champion:
        return Ending(
            ExperimentState.STOPPED, f"The champion {served} is not the recipe any more that it was"
        )
    return None


async def _promote(experiment: Experiment, services: Services) -> None:
    """Promote its winner; that it cannot be is noted, and not tried again."""
    if not await in_thread(
        services.store.take_turn,
        f"promotion {experiment.id}",
        timedelta(seconds=services.settings.experiments.look_s),
    ):
        return
    try:
        await promote_winner(experiment.id, None, services, SERVER)
    except (ConflictError, InvalidRequestError, NotFoundError) as error:
        winner = experiment.winner or ""
        await in_thread(services.store.note_promotion, experiment.id, winner, SERVER, error.message)
        log.warning("winner_not_promoted", experiment=experiment.name, error=error.message)
    else:
        log.info("winner_promoted", experiment=experiment.name, winner=experiment.winner)
