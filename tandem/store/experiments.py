"""Experiments: written down, started, grown and ended, each step with its entry in the audit log."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter
from sqlalchemy import Connection, Select, insert, or_, select, update

from tandem.errors import ConflictError, NotFoundError
from tandem.store.audit import append_audit
from tandem.store.experiment_records import Experiment, ExperimentState, Plan, Slice
from tandem.store.experiment_schema import experiments
from tandem.store.transactions import Transactions, lock
from tandem.vocabulary import Caller

_LOCK = "experiments"
_PLAN = TypeAdapter(Plan)
_SLICES: TypeAdapter[tuple[Slice, ...]] = TypeAdapter(tuple[Slice, ...])
SERVER = Caller(subject="tandem")
"""Who did what an experiment does by itself."""


class Experiments(Transactions):
    """Experiments by name. Every change is made under one lock, so that what it was decided on still holds."""

    def add_experiment(self, name: str, plan: Plan, by: Caller) -> Experiment:
        """Write a draft down. Raises `ConflictError` for a name that is taken."""
        made = Experiment(
            uuid4().hex, name, plan, ExperimentState.DRAFT, by.tenant, by.subject, datetime.now(UTC)
        )
        with self._writing() as connection:
            lock(connection, _LOCK)
            if connection.execute(_named(name)).one_or_none() is not None:
                raise ConflictError(
                    f"There is an experiment {name!r} already", param="name", hint="Give it another name."
                )
            connection.execute(insert(experiments).values(_row(made)))
            _audit(connection, made, "created", by, {"mode": plan.mode, "challengers": _recipes(made)})
        return made

    def experiment(self, name: str) -> Experiment:
        """The experiment of this name or id. Raises `NotFoundError`."""
        with self._reading() as connection:
            return _one(connection, name)

    def experiments(self, limit: int = 1_000) -> list[Experiment]:
        """All of them, the newest first."""
        query = select(experiments).order_by(experiments.c.created_at.desc(), experiments.c.id).limit(limit)
        with self._reading() as connection:
            return [_experiment(row._mapping) for row in connection.execute(query)]

    def running_experiments(self) -> list[Experiment]:
        """Those that run, the oldest first."""
        with self._reading() as connection:
            return _running(connection)

    def start_experiment(
        self,
        name: str,
        begin: Callable[[Experiment, list[Experiment]], Mapping[str, Any]],
        by: Caller,
    ) -> Experiment:
        """Let a draft run. `begin` gets it and those that run, and gives its `slices`, `champion` and `served`, or
        raises what keeps it from running.

        Raises `NotFoundError`, and `ConflictError` for one that is no draft.
        """
        with self._writing() as connection:
            lock(connection, _LOCK)
            found = _in_state(connection, name, ExperimentState.DRAFT)
            now = datetime.now(UTC)
            begun = begin(found, _running(connection))
            values = {"state": ExperimentState.RUNNING, "started_at": now, **begun}
            made = _change(connection, found, values)
            made = _change(connection, made, {"counted_from": _counted_from(made, now)})
            _audit(connection, made, "started", by, {"champion": made.champion, "shares": _shares(made)})
            return made

    def grow_experiment(
        self, name: str, grow: Callable[[Experiment], tuple[Slice, ...]], by: Caller
    ) -> Experiment:
        """Give challengers more of the traffic; `grow` gives the new slices, or raises.

        Raises `NotFoundError`, and `ConflictError` for one that does not run.
        """
        with self._writing() as connection:
            lock(connection, _LOCK)
            found = _in_state(connection, name, ExperimentState.RUNNING)
            made = _change(connection, found, {"slices": grow(found)})
            made = _change(connection, made, {"counted_from": _counted_from(made, datetime.now(UTC))})
            _audit(connection, made, "grown", by, {"before": _shares(found), "shares": _shares(made)})
            return made

    def end_experiment(
        self, name: str, state: ExperimentState, why: str, by: Caller, winner: str | None = None
    ) -> Experiment:
        """Let a running one be stopped or decided, for good.

        Raises `NotFoundError`, and `ConflictError` for one that does not run, so that it is ended once only.
        """
        with self._writing() as connection:
            lock(connection, _LOCK)
            found = _in_state(connection, name, ExperimentState.RUNNING)
            values = {"state": state, "ended_at": datetime.now(UTC), "why": why, "winner": winner}
            made = _change(connection, found, values)
            _audit(connection, made, state.value, by, {"why": why, "winner": winner})
            return made

    def note_promotion(self, name: str, arm: str, by: Caller, fault: str = "") -> Experiment:
        """Note that the recipe of `arm` is the champion now, or with `fault`, why it did not become it."""
        with self._writing() as connection:
            lock(connection, _LOCK)
            found = _one(connection, name)
            values: dict[str, Any] = {"promotion_fault": fault}
            if not fault:
                values |= {"promoted_at": datetime.now(UTC), "winner": arm}
            made = _change(connection, found, values)
            what = "not_promoted" if fault else "promoted"
            said = {"arm": arm, "recipe": _recipes(made).get(arm), **({"fault": fault} if fault else {})}
            _audit(connection, made, what, by, said)
            return made

    def unpromoted_experiments(self) -> list[Experiment]:
        """Those that are decided and promote their winner by themselves, where that is still to be done."""
        mine = experiments.c
        query = select(experiments).where(
            mine.state == ExperimentState.DECIDED.value,
            mine.winner.is_not(None),
            mine.promoted_at.is_(None),
            mine.promotion_fault == "",
        )
        with self._reading() as connection:
            found = [_experiment(row._mapping) for row in connection.execute(query)]
        return [one for one in found if one.plan.promotes]

    def count_dropped(self, experiment: str, count: int) -> None:
        """Add to the shadow answers of the experiment with this id that were not made."""
        with self._writing() as connection:
            mine = update(experiments).where(experiments.c.id == experiment)
            connection.execute(mine.values(dropped=experiments.c.dropped + count))


def _named(name: str) -> Select[Any]:
    return select(experiments).where(or_(experiments.c.name == name, experiments.c.id == name))


def _one(connection: Connection, name: str) -> Experiment:
    row = connection.execute(_named(name)).first()
    if row is None:
        raise NotFoundError(
            f"There is no experiment {name!r}", param="name", hint="tandem experiments list shows them."
        )
    return _experiment(row._mapping)


def _in_state(connection: Connection, name: str, wanted: ExperimentState) -> Experiment:
    found = _one(connection, name)
    if found.state is not wanted:
        raise ConflictError(
            f"The experiment {found.name!r} is {found.state.value}, not {wanted.value}", param="name"
        )
    return found


def _running(connection: Connection) -> list[Experiment]:
    mine = experiments.c
    query = select(experiments).where(mine.state == ExperimentState.RUNNING.value)
    rows = connection.execute(query.order_by(mine.started_at, mine.id))
    return [_experiment(row._mapping) for row in rows]


def _change(connection: Connection, experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    said = dict(values)
    if "slices" in said:
        said["slices"] = _SLICES.dump_python(said["slices"], mode="json")
    if "state" in said:
        said["state"] = said["state"].value
    connection.execute(update(experiments).where(experiments.c.id == experiment.id).values(said))
    return _one(connection, experiment.id)


def _counted_from(experiment: Experiment, now: datetime) -> datetime | None:
    """The moment from which the answers decide: that in which the last challenger got its final share."""
    if any(experiment.share(one.arm) < one.final - 1e-9 for one in experiment.plan.challengers):
        return None
    return experiment.counted_from or now


def _experiment(row: Mapping[Any, Any]) -> Experiment:
    return Experiment(
        **{
            **row,
            "plan": _PLAN.validate_python(row["plan"]),
            "slices": _SLICES.validate_python(row["slices"]),
            "state": ExperimentState(row["state"]),
        }
    )


def _row(experiment: Experiment) -> dict[str, Any]:
    plain = {column.name: getattr(experiment, column.name) for column in experiments.c}
    return plain | {
        "plan": _PLAN.dump_python(experiment.plan, mode="json"),
        "slices": [],
        "state": experiment.state.value,
    }


def _recipes(experiment: Experiment) -> dict[str, str]:
    return {one.arm: one.recipe for one in experiment.plan.challengers}


def _shares(experiment: Experiment) -> dict[str, float]:
    return {one.arm: experiment.share(one.arm) for one in experiment.plan.challengers}


def _audit(
    connection: Connection, experiment: Experiment, what: str, by: Caller, details: Mapping[str, Any]
) -> None:
    append_audit(
        connection,
        tenant=by.tenant,
        subject=by.subject,
        action=f"experiment.{what}",
        object=experiment.name,
        details=details,
    )
