"""Lets traces, votes and figures go when their time has come: by one server for all, a little at a time."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from tandem.settings import TraceSettings
from tandem.store import Store
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_TURN = "traces.retention"
_EVERY = timedelta(seconds=45)
"""Less than a server's own pause, or every second turn would be missed."""
_BATCH = 200
_PAUSE_S = 0.05
"""Between two batches, so that answers can be written."""


async def sweep_traces(store: Store, settings: TraceSettings) -> None:
    """Remove what is older than the settings say, if it is this server's turn."""
    if not await in_thread(store.take_turn, _TURN, _EVERY):
        return
    now = datetime.now(UTC)
    always = settings.sample_always
    unsampled = partial(
        store.drop_unsampled,
        now - timedelta(minutes=settings.settle_minutes),
        voted="voted" in always,
        voted_down="voted_down" in always,
    )
    figures_end = now - timedelta(days=settings.observations_days)
    removed = {
        "traces": await _all(partial(store.forget_traces, now - timedelta(days=settings.keep_days))),
        "unsampled": await _all(unsampled),
        "feedback": await _all(partial(store.forget_feedback, figures_end)),
        "observations": await _all(partial(store.forget_observations, figures_end)),
    }
    if any(removed.values()):
        await in_thread(store.empty_log)
        log.info("traces_swept", **removed)


async def _all(remove: Callable[..., int]) -> int:
    total = 0
    while count := await in_thread(remove, limit=_BATCH):
        total += count
        if count < _BATCH:
            break
        await asyncio.sleep(_PAUSE_S)
    return total
