"""Makes the interventions that are due. Any server does; what one has begun and not ended, another goes on with."""

from datetime import UTC, datetime
from typing import Any

import structlog

from server.alerting.payloads import intervention_payload
from server.alerting.watch import Watch
from server.following import follow_recipes
from tandem.errors import ConflictError, InvalidRequestError, TandemError
from tandem.store import ExperimentState, Intervention
from tandem.threads import in_thread
from tandem.vocabulary import Caller

log = structlog.get_logger(__name__)

BY = "tandem"


async def act(watch: Watch) -> None:
    """Make one intervention after the other until none is due. What cannot be made is kept as failed, with the reason.

    Raises what the store raises.
    """
    store = watch.services.store
    while (due := await in_thread(store.claim_intervention, datetime.now(UTC))) is not None:
        try:
            result = await _make(due, watch)
        except TandemError as error:
            log.warning("intervention_failed", id=due.id, kind=due.kind, error=error.message)
            await in_thread(store.end_intervention, due.id, datetime.now(UTC), failure=error.message)
        else:
            log.warning("intervention_made", id=due.id, kind=due.kind, cause=due.cause, result=result)
            await in_thread(store.end_intervention, due.id, datetime.now(UTC), result=result)
        if watch.settings.webhook:
            made = await in_thread(store.intervention, due.id)
            told = intervention_payload(made, watch.settings)
            await in_thread(store.deliver_later, "webhook", told, datetime.now(UTC))


async def _make(due: Intervention, watch: Watch) -> dict[str, Any]:
    """Do it; what came of it."""
    if due.kind == "rollback":
        return await _roll_back(due, watch)
    store, at = watch.services.store, datetime.now(UTC)
    if due.kind == "stop_experiment":
        experiment = due.target["experiment"]
        by = Caller(subject=BY)
        await in_thread(store.end_experiment, experiment, ExperimentState.STOPPED, _why(due), by)
        return {"experiment": experiment}
    if due.kind == "degrade":
        await in_thread(store.force_degraded, True, subject=BY, reason=_why(due), at=at)
        return {"degraded": True}
    if due.kind == "retrain":
        adapter = _adapter_of_champion(watch)
        request = await in_thread(store.request_retraining, adapter, subject=BY, reason=_why(due), at=at)
        return {"request": request.id, "adapter": adapter}
    raise InvalidRequestError(f"This Tandem knows no intervention {due.kind!r}")


async def _roll_back(due: Intervention, watch: Watch) -> dict[str, Any]:
    """Let the champion before serve again, if nobody has changed the champion in the meantime."""
    services, target = watch.services, due.target
    now = await in_thread(services.store.champion_change)
    if now is not None and now.number == target["change"] + 1 and now.author == BY and due.id in now.reason:
        return {"change": now.number, "champion": now.label}  # a server that died had done it
    if now is None or now.number != target["change"]:
        raise ConflictError(f"The champion {target['champion']} was changed by somebody else already")
    await services.adapters.ensure(services.recipes.find(target["before"]).model)
    after = await in_thread(
        services.store.rollback_champion, author=BY, reason=_why(due), expected=target["champion"]
    )
    await follow_recipes(services)
    return {"change": after.number, "champion": after.label}


def _why(due: Intervention) -> str:
    """The alert with its figures, in a line for histories."""
    figures = due.figures
    before = f", before {figures['before']:g}" if figures.get("before") is not None else ""
    value = f" {figures['value']:g}" if figures.get("value") is not None else ""
    return (
        f"Intervention {due.id}: {due.rule} of {due.subject}, {figures.get('metric')}{value} "
        f"of {figures.get('answers')} answers{before}"
    )


def _adapter_of_champion(watch: Watch) -> str:
    """Name of the registered adapter that the champion asks; empty where it asks none."""
    services = watch.services
    model = services.recipes.find(services.recipes.champion).model
    return model.partition("@")[0] if services.adapters.is_registered(model) else ""
