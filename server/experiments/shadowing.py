"""Shadow answers: a challenger answers what the champion has answered, in the background, and nobody sees it."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from server.answering.answer import answer
from server.answering.choose import Choice
from server.answering.trace import keep_trace
from server.answering.types import Answer, Answered, Question
from server.services import Services
from tandem.errors import TandemError
from tandem.recipes import Recipe
from tandem.store import Observation
from tandem.store.experiment_answers import SHADOW_MARK
from tandem.threads import in_thread

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Wanted:
    question: Question
    shown: Answer
    arm: str
    recipe: Recipe


class Shadowing:
    """Makes the shadow answers of one server, few at a time. What would have to wait too long is not made.

    An answer that was shown is over when its shadow begins, so the user waits for nothing; that other users'
    answers are not slowed down is for `experiments.shadow_at_once` to see to.
    """

    def __init__(self, services: Services) -> None:
        settings = services.settings.experiments
        self._services = services
        self._at_once = settings.shadow_at_once
        self._most = settings.shadow_at_once and settings.shadow_at_once + settings.shadow_waiting
        self._queue: asyncio.Queue[_Wanted] = asyncio.Queue()
        self._unfinished = 0
        services.events.subscribe(self.offer)

    def offer(self, event: object) -> None:
        """Let the challenger answer, too, if the answer's experiment wants it and there is room."""
        if not isinstance(event, Answered):
            return
        shown, live = event.answer, self._services.experiments
        if shown.shadow or shown.degraded:
            return
        found = live.shadow_of(shown.experiment, shown.unit)
        if found is None or shown.experiment is None:
            return
        arm, recipe = found
        if recipe is None or self._unfinished >= self._most:
            live.drop(shown.experiment)
            return
        self._unfinished += 1
        self._queue.put_nowait(_Wanted(event.question, shown, arm, recipe))

    async def run(self) -> None:
        """Answer until cancelled; what is waiting then is not answered."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            wanted = await self._queue.get()
            try:
                if self._services.experiments.find(wanted.shown.experiment) is not None:
                    await self._answer(wanted)
            except TandemError as error:
                log.warning("shadow_not_kept", experiment=wanted.shown.experiment, error=error.message)
            except Exception:
                log.exception("shadow_failed", experiment=wanted.shown.experiment)
            finally:
                self._unfinished -= 1

    async def _answer(self, wanted: _Wanted) -> None:
        shown, services = wanted.shown, self._services
        choice = Choice(wanted.recipe, shown.experiment, wanted.arm, shown.unit)
        question = replace(wanted.question, background=True, ticket=None)
        trace_id = f"{shown.trace_id}{SHADOW_MARK}{wanted.arm}"
        begun = datetime.now(UTC)
        try:
            async with aclosing(answer(question, services, choice, kept=False)) as events:
                async for event in events:
                    if isinstance(event, Answer):
                        made = replace(event, shadow=True, trace_id=trace_id)
                        await keep_trace(wanted.question, made, services)
        except TandemError as error:
            services.metrics.shadowed("failed")
            await in_thread(services.store.add_observation, _failed(wanted, error, trace_id, begun))
            return
        services.metrics.shadowed("answered")


def _failed(wanted: _Wanted, error: TandemError, trace_id: str, begun: datetime) -> Observation:
    """The figures of a shadow answer that an error ended."""
    shown, recipe, now = wanted.shown, wanted.recipe, datetime.now(UTC)
    return Observation(
        trace_id=trace_id,
        tenant=wanted.question.caller.tenant,
        at=now,
        recipe=f"{recipe.name}@{recipe.version}",
        outcome="failed",
        experiment=shown.experiment,
        arm=wanted.arm,
        unit=shown.unit,
        error=error.type,
        total_ms=(now - begun).total_seconds() * 1_000,
        shadow=True,
    )
