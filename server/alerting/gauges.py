"""Brings what the store knows into this server: the switch to passages alone, and the gauges of /metrics."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from server.alerting.look import LOOK
from server.services import Services
from tandem.monitoring import Figures
from tandem.store import Store, Window
from tandem.threads import in_thread

log = structlog.get_logger(__name__)


async def follow_switch(services: Services) -> None:
    """Answer as the store says, whoever has switched. Raises what the store raises; then nothing changes here."""
    degraded = await in_thread(services.store.forced_degraded)
    if degraded != services.resilience.passages_only:
        log.warning("switched_to_passages" if degraded else "switched_to_answers")
    services.resilience.passages_only = degraded


async def show_gauges(services: Services) -> None:
    """Set the gauges of quality, feedback, alerts and interventions. Raises what the store raises."""
    store, watched = services.store, services.metrics.watched
    at = datetime.now(UTC)
    since = at - timedelta(seconds=services.settings.alerts.window_s)
    watched.show_recipes(await in_thread(with_votes, store, Window(since, at)))
    alerts = await in_thread(store.open_alerts)
    undelivered = len(await in_thread(store.undelivered))
    watched.show_alerts(alerts, await in_thread(store.last_turn, LOOK), undelivered)
    requests = await in_thread(store.retraining_requests)
    watched.show_interventions(
        await in_thread(store.intervention_counts),
        degraded=services.resilience.passages_only,
        retraining=len(requests),
    )


def with_votes(store: Store, window: Window) -> list[Figures]:
    """The figures of each recipe in the window, with the votes of their users. Blocking."""
    found = []
    for one in store.figures_by_recipe(window):
        votes = store.feedback_score(
            recipe=one.recipe, since=window.since, until=window.until, tenant=window.tenant
        )
        found.append(replace(one, liked=votes.up, disliked=votes.down))
    return found
