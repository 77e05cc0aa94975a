"""Keeps the figures of questions that Tandem failed to answer, so that failures are counted as answers are."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

import structlog

from server.answering.choose import Choice
from server.answering.types import Question
from server.services import Services
from tandem.errors import EngineFailedError, StorageError, TandemError, UnavailableError
from tandem.store import Observation
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

T = TypeVar("T")

_OWN_FAULTS = (UnavailableError, EngineFailedError, StorageError)
"""What is not the asker's doing."""


async def with_failures_kept(
    events: AsyncGenerator[T, None], question: Question, choice: Choice, services: Services
) -> AsyncGenerator[T, None]:
    """The same events; if they end in a fault of Tandem's own, an observation `failed` is kept before it is raised."""
    began = time.perf_counter()
    try:
        async with aclosing(events):
            async for event in events:
                yield event
    except Exception as error:
        if isinstance(error, _OWN_FAULTS) or not isinstance(error, TandemError):
            milliseconds = (time.perf_counter() - began) * 1000
            await _keep(failure_of(error, question, choice, milliseconds), services)
        raise


def failure_of(error: Exception, question: Question, choice: Choice, milliseconds: float) -> Observation:
    """The figures of a failed answer."""
    return Observation(
        trace_id=uuid4().hex,
        tenant=question.caller.tenant,
        at=datetime.now(UTC),
        recipe=f"{choice.recipe.name}@{choice.recipe.version}",
        outcome="failed",
        experiment=choice.experiment,
        arm=choice.arm,
        unit=choice.unit,
        error=error.type if isinstance(error, TandemError) else "internal_error",
        total_ms=milliseconds,
    )


async def _keep(observation: Observation, services: Services) -> None:
    services.metrics.observed(observation, {})
    try:
        await in_thread(services.store.add_observation, observation)
    except TandemError as error:  # the store may be what failed; the asker is told of the first fault
        log.warning("failure_not_kept", error=error.message)
