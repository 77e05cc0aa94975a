"""Which traces are wanted, and a page of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, and_, exists, or_, true

from tandem.store.feedback_schema import feedback
from tandem.store.schema import traces

TraceOutcome = Literal["answered", "abstained", "degraded"]
Voted = Literal["up", "down", "any", "none"]


@dataclass(frozen=True, slots=True)
class TraceWish:
    """Each part that is set narrows."""

    since: datetime | None = None
    until: datetime | None = None
    """From `since` on and before `until`."""
    recipe: str | None = None
    """`NAME@VERSION`, or `NAME` for all of its versions."""
    outcome: TraceOutcome | None = None
    experiment: str | None = None
    voted: Voted | None = None
    """Somebody has voted it up, or down, or at all; or nobody has."""


def wanted(wish: TraceWish) -> ColumnElement[bool]:
    """The wish as a condition."""
    which: ColumnElement[bool] = true()
    if wish.since is not None:
        which &= traces.c.created_at >= wish.since
    if wish.until is not None:
        which &= traces.c.created_at < wish.until
    if wish.recipe is not None:
        which &= _of_recipe(wish.recipe)
    if wish.outcome is not None:
        which &= _came_to(wish.outcome)
    if wish.experiment is not None:
        which &= traces.c.experiment == wish.experiment
    if wish.voted is not None:
        which &= _voted(wish.voted)
    return which


def beyond(at: datetime, last_id: str, *, oldest_first: bool) -> ColumnElement[bool]:
    """What comes after the trace of this moment and id."""
    if oldest_first:
        return or_(traces.c.created_at > at, and_(traces.c.created_at == at, traces.c.id > last_id))
    return or_(traces.c.created_at < at, and_(traces.c.created_at == at, traces.c.id < last_id))


def _of_recipe(recipe: str) -> ColumnElement[bool]:
    if "@" in recipe:
        return traces.c.recipe == recipe
    return traces.c.recipe.startswith(f"{recipe}@", autoescape=True)


def _came_to(outcome: TraceOutcome) -> ColumnElement[bool]:
    degraded = traces.c.degraded.is_(True)
    if outcome == "degraded":
        return degraded
    return ~degraded & (traces.c.abstained if outcome == "abstained" else ~traces.c.abstained)


def _voted(voted: Voted) -> ColumnElement[bool]:
    mine = (feedback.c.trace_id == traces.c.id) & (feedback.c.tenant == traces.c.tenant)
    if voted == "none":
        return ~exists().where(mine)
    return exists().where(mine if voted == "any" else mine & (feedback.c.verdict == voted))
