"""What a server does again and again: follow what others change, watch, tidy up."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from ingest.alert_egress import open_alert_egress
from server.alerting import Notices, Watch, act, follow_switch, look, show_gauges
from server.drift.following import DomainFollower, DriftWatch
from server.drift.keeping import VectorKeeper
from server.experiments.tending import follow_experiments, prepare_experiments, tend_experiments
from server.following import follow_model, follow_recipes, follow_tag
from server.identity.keyring import FOLLOW_S
from server.services import Services
from server.tracing.retention import sweep_traces

_FOLLOW_S = 0.5
_RECONCILE_S = 1.0
_SWEEP_S = 60.0
_KEEP_S = 0.5

_LOOK_S = 1.0
_ACT_S = 1.0
_GAUGES_S = 5.0

Step = tuple[Callable[[], Awaitable[None]], str, float]
"""What is done again and again, the log's word for when it fails, and after how many seconds."""


def steps_of(services: Services, stack: AsyncExitStack) -> list[Step]:
    """Every step, for as long as the server runs; `stack` ends what some of them hold.

    Raises `SettingsError` for alert rules in a file that cannot be read.
    """
    settings = services.settings
    steps: list[Step] = [
        (lambda: follow_recipes(services), "recipes_not_followed", _FOLLOW_S),
        (lambda: follow_tag(services), "champion_adapter_not_followed", _FOLLOW_S),
        (lambda: follow_model(services), "model_not_followed", _RECONCILE_S),
        (services.principals.keyring.follow, "keys_not_followed", FOLLOW_S),
        (services.adapters.reconcile, "adapters_not_followed", _RECONCILE_S),
        *_watching(services, stack),
        (lambda: sweep_traces(services.store, settings.traces), "traces_not_swept", _SWEEP_S),
        (lambda: follow_experiments(services), "experiments_not_followed", settings.experiments.follow_s),
        (lambda: prepare_experiments(services), "challengers_not_prepared", _RECONCILE_S),
        (lambda: tend_experiments(services), "experiments_not_tended", _RECONCILE_S),
        (DomainFollower(services).follow, "domains_not_followed", _FOLLOW_S),
    ]
    if settings.drift.watch:
        steps += [
            (VectorKeeper(services).keep, "question_vectors_not_kept", _KEEP_S),
            (DriftWatch(services).step, "drift_not_watched", settings.drift.every_s),
        ]
    return steps


def _watching(services: Services, stack: AsyncExitStack) -> list[Step]:
    """The steps that watch the answers. Raises `SettingsError` for rules in a file that cannot be read."""
    settings = services.settings.alerts
    watch = Watch.of(services)
    egress = open_alert_egress(settings)
    stack.callback(egress.close)
    notices = Notices(services, egress.post)

    async def look_once() -> None:
        await look(watch)

    return [
        (look_once, "alerts_not_looked_at", min(settings.every_s, _LOOK_S)),
        (lambda: act(watch), "interventions_not_made", _ACT_S),
        (notices.send_due, "notices_not_sent", _ACT_S),
        (lambda: follow_switch(services), "switch_not_followed", _FOLLOW_S),
        (lambda: show_gauges(services), "gauges_not_set", _GAUGES_S),
    ]
