"""An experiment in a store, and what was seen in it, for tests of its results."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tandem.experiments.assigning import arm_at, grown, unit_of
from tandem.store import Challenger, Experiment, Metric, Observation, Plan, Store, Trace, Vote
from tandem.store.observations import add_observation_to
from tandem.vocabulary import Caller

OPS = Caller("acme", "user:ops")
BASE, MINE = "base@aaaaaaaaaaaa", "mine@bbbbbbbbbbbb"
PLAN = Plan("split", (Challenger("challenger", MINE, 0.5, 0.5),), "user", Metric.ABSTAINED, False, 0.2)


def running(store: Store, name: str = "trial", **plan: Any) -> Experiment:
    """An experiment that has begun."""
    made = replace(PLAN, **plan)
    store.add_experiment(name, made, OPS)
    slices = grown((), {one.arm: one.share for one in made.challengers})
    begun = {"champion": BASE, "served": "base", "slices": slices}
    return store.start_experiment(name, lambda draft, others: begun, OPS)


def users(experiment: Experiment, arm: str, count: int, tenant: str = "acme") -> list[str]:
    """Units of that many users who get the arm."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        unit = unit_of(experiment, tenant, f"user {number}", None)
        number += 1
        if arm_at(experiment.slices, unit) == arm:
            found.append(unit)
    return found


def saw(
    store: Store, experiment: Experiment, arm: str, units: Iterable[str], tenant: str = "acme", **figures: Any
) -> list[str]:
    """Let each unit have an answer; gives the traces."""
    made = []
    now = datetime.now(UTC)
    with store._writing() as connection:
        for place, unit in enumerate(units):
            trace_id = figures.get("trace_id") or uuid4().hex
            given = {"outcome": "answered", "total_ms": 10.0} | figures | {"trace_id": trace_id}
            at = now + timedelta(microseconds=place)
            seen = Observation(
                tenant=tenant, at=at, recipe=MINE, experiment=experiment.id, arm=arm, unit=unit, **given
            )
            add_observation_to(connection, seen)
            made.append(trace_id)
    return made


def voted(store: Store, experiment: Experiment, arm: str, units: list[str], verdict: str) -> None:
    """Let each unit have an answer and vote on it."""
    for number, trace_id in enumerate(saw(store, experiment, arm, units)):
        store.vote(Vote(trace_id, "acme", f"{arm} {verdict} {number}", verdict))


def worded(trace_id: str, text: str, question: str = "When?", tenant: str = "acme") -> Trace:
    """A trace with these words."""
    now = datetime.now(UTC)
    return Trace(trace_id, tenant, BASE, "p", question, [], text, False, now, 1, 1, {"total": 1.0}, [], [])
