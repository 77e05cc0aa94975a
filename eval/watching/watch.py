"""Reads new traces from the store, scores the sampled ones, and writes the scores back; any number of watchers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eval.watching.scoring import Scorer
from tandem.settings import AlertSettings
from tandem.store import Store, Trace
from tandem.threads import in_thread

_BACK = timedelta(days=1)
"""Older answers are left alone: their quality would tell of what is past."""
_PAGE = 50

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """What a pass came to."""

    scored: int = 0
    failed: int = 0
    """Answers of which there is no score, for good."""
    stopped: str = ""
    """Why the pass ended before its time."""

    def plus(self, other: "Watched") -> "Watched":
        """Both together."""
        return Watched(self.scored + other.scored, self.failed + other.failed, other.stopped or self.stopped)


async def watch(
    store: Store, scorer: Scorer, settings: AlertSettings, every_s: float, told: Told = lambda line: None
) -> None:
    """Score what comes, a pass every `every_s` seconds, until cancelled. `told` hears of each change of what goes on.

    Raises what the store raises.
    """
    said = ""
    while True:
        done = await watch_once(store, scorer, settings)
        if done.stopped != said and done.stopped:
            told(done.stopped)
        said = done.stopped
        if done.scored or done.failed:
            told(f"{done.scored} answers scored, {done.failed} without a score")
        await asyncio.sleep(every_s)


async def watch_once(
    store: Store,
    scorer: Scorer,
    settings: AlertSettings,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Watched:
    """Score every sampled answer of the last day that has no score yet. Interrupted, the next pass goes on."""
    done = Watched()
    while not done.stopped:
        at = now()
        page = await in_thread(store.unjudged, at - _BACK, at, settings.quality_share, _PAGE)
        if not page:
            return done
        before = done
        for trace in page:
            done = done.plus(await _one(trace, store, scorer, settings, now))
            if done.stopped:
                return done
        if done == before:  # others were quicker with all of them
            return done
    return done


async def _one(
    trace: Trace, store: Store, scorer: Scorer, settings: AlertSettings, now: Callable[[], datetime]
) -> Watched:
    """Score one answer, if nobody else does. It is paid for before it is asked, so that several watchers together
    never spend more than the day's budget.
    """
    if not await in_thread(store.claim_judging, trace.id, scorer.name, now()):
        return Watched()
    day, before = f"{now():%Y-%m-%d}", scorer.spent()
    reserved = await in_thread(
        store.spend_on_quality,
        day,
        scorer.most_calls,
        0,
        most_calls=settings.quality_calls_a_day if scorer.most_calls else None,
        most_tokens=settings.quality_tokens_a_day,
    )
    if reserved is None:
        await in_thread(store.release_judging, trace.id)
        return Watched(
            stopped="The day's budget is used up (alerts.quality_calls_a_day, quality_tokens_a_day)"
        )
    finished = False
    try:
        score = await scorer.score(trace)
        finished = not score.away
        if finished:
            await in_thread(
                store.end_judging,
                trace.id,
                now(),
                quality=score.quality,
                proven=scorer.proven,
                failure=score.failure,
            )
    finally:
        calls, tokens = (after - earlier for after, earlier in zip(scorer.spent(), before, strict=True))
        await in_thread(store.spend_on_quality, day, calls - scorer.most_calls, tokens)
        if not finished:
            await in_thread(store.release_judging, trace.id)
    if score.away:
        return Watched(stopped=score.failure)
    return Watched(scored=1) if score.quality is not None else Watched(failed=1)
