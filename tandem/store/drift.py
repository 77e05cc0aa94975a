"""Drift: references, the looks at what came after them, and what was found."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from tandem.store.audit import append_audit
from tandem.store.drift_records import EVERYBODY, DriftReference, DriftReport, Place
from tandem.store.drift_schema import drift_references, drift_reports, outside_calibrations, question_vectors
from tandem.store.observation_records import Observation
from tandem.store.observation_schema import observations
from tandem.store.transactions import Transactions, lock
from tandem.store.turns import end_turn

_WATCHED = observations.c.shadow.is_(False) & observations.c.outcome.in_(("answered", "abstained"))
"""Answers that a user saw and the recipe gave. The others say something of the engine, not of the questions."""


class Drift(Transactions):
    """One reference a tenant, and one for all of them; a report for each series and look."""

    def set_drift_reference(self, reference: DriftReference, subject: str) -> None:
        """Let the answers of its tenant be compared with another reference from now on."""
        with self._writing() as connection:
            lock(connection, _lock_of(reference.tenant))
            mine = drift_references.c.tenant == reference.tenant
            connection.execute(delete(drift_references).where(mine))
            connection.execute(insert(drift_references).values(_values(reference)))
            append_audit(
                connection,
                tenant=reference.tenant,
                subject=subject,
                action="drift_reference.set",
                object=reference.tenant or "all tenants",
                details={"source": reference.source, "since": reference.since.isoformat()},
            )

    def begin_drift_reference(self, reference: DriftReference) -> bool:
        """As `set_drift_reference`, where there is none yet; whether there was none. It changes nothing that
        somebody has set, so the audit log has no entry of it.
        """
        with self._writing() as connection:
            lock(connection, _lock_of(reference.tenant))
            query = select(drift_references.c.tenant).where(drift_references.c.tenant == reference.tenant)
            if connection.execute(query).first() is not None:
                return False
            connection.execute(insert(drift_references).values(_values(reference)))
            return True

    def complete_drift_reference(self, reference: DriftReference) -> bool:
        """Keep what the reference has come to; `False` where another has been set, or another server was first."""
        with self._writing() as connection:
            done = update(drift_references).where(
                drift_references.c.tenant == reference.tenant,
                drift_references.c.set_at == reference.set_at,
                drift_references.c.complete_at.is_(None),
            )
            return connection.execute(done.values(_values(reference))).rowcount == 1

    def drift_reference(self, tenant: str) -> DriftReference | None:
        """The reference of a tenant, or of all (`EVERYBODY`)."""
        with self._reading() as connection:
            query = select(drift_references).where(drift_references.c.tenant == tenant)
            row = connection.execute(query).one_or_none()
        return None if row is None else _reference(row)

    def busiest_tenants(self, since: datetime, limit: int) -> list[str]:
        """Tenants with answers from `since` on, those with most of them first."""
        table = observations.c
        query = select(table.tenant).where(table.at >= since, _WATCHED).group_by(table.tenant)
        with self._reading() as connection:
            ranked = query.order_by(func.count().desc(), table.tenant).limit(limit)
            return list(connection.execute(ranked).scalars())

    def answers_after(self, tenant: str, place: Place, limit: int, until: datetime) -> list[Observation]:
        """Answers of a tenant, or of all, after `place` and before `until`, the first `limit`, oldest first."""
        which = _of(tenant) & _later(place) & (observations.c.at < until) & _WATCHED
        query = select(observations).where(which).order_by(observations.c.at, observations.c.trace_id)
        with self._reading() as connection:
            return [Observation(**row._mapping) for row in connection.execute(query.limit(limit))]

    def newest_answers(self, tenant: str, after: Place, last: Place, limit: int) -> list[Observation]:
        """The newest `limit` answers after `after` and up to `last`, which is one of them, oldest first."""
        which = _of(tenant) & _later(after) & ~_later(last) & _WATCHED
        newest = (observations.c.at.desc(), observations.c.trace_id.desc())
        query = select(observations).where(which).order_by(*newest).limit(limit)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [Observation(**row._mapping) for row in reversed(rows)]

    def finish_drift_look(
        self, reference: DriftReference, place: Place, reports: Sequence[DriftReport]
    ) -> bool:
        """Keep what a look has found, and go on from `place`. `False`, and nothing is kept, where another server
        has done so, or another reference was set. Either way the turn is over (`drift_turn`).
        """
        on = update(drift_references).where(_same(reference))
        values = {"place_at": place.at, "place_trace": place.trace_id, "looks": reference.looks + 1}
        with self._writing() as connection:
            end_turn(connection, drift_turn(reference.tenant))
            if connection.execute(on.values(values)).rowcount != 1:
                return False
            if reports:
                rows = [asdict(one) | {"examples": list(one.examples)} for one in reports]
                connection.execute(insert(drift_reports), rows)
            return True

    def drift_reports(
        self,
        tenant: str | None = None,
        *,
        since: datetime | None = None,
        limit: int = 100,
        alarms: bool = False,
    ) -> list[DriftReport]:
        """Of one tenant, of `EVERYBODY`, or every single one; with `alarms` only those. The newest first."""
        query = select(drift_reports)
        if tenant is not None:
            query = query.where(drift_reports.c.tenant == tenant)
        if since is not None:
            query = query.where(drift_reports.c.at >= since)
        if alarms:
            query = query.where(drift_reports.c.alarm.is_(True))
        with self._reading() as connection:
            return _reports(connection, query.order_by(*_NEWEST_FIRST).limit(limit))

    def drift_alarms(self, since: datetime) -> list[DriftReport]:
        """Every look that alarmed from `since` on, of any tenant and of all together, the newest first."""
        query = select(drift_reports).where(drift_reports.c.at >= since, drift_reports.c.alarm.is_(True))
        with self._reading() as connection:
            return _reports(connection, query.order_by(*_NEWEST_FIRST))

    def newest_drift_reports(self, since: datetime) -> list[DriftReport]:
        """The newest report of each tenant and series, of those from `since` on."""
        found: dict[tuple[str, str], DriftReport] = {}
        for one in self.drift_reports(since=since, limit=10_000):
            found.setdefault((one.tenant, one.series), one)
        return list(found.values())

    def forget_drift_reports(self, before: datetime) -> int:
        """Remove those of earlier than `before`; how many there were."""
        with self._writing() as connection:
            return connection.execute(delete(drift_reports).where(drift_reports.c.at < before)).rowcount


def drift_turn(tenant: str) -> str:
    """The name of the turn at a tenant's next look; it says of whom to nobody, for it outlives the tenant."""
    return f"drift {blake2b(tenant.encode(), digest_size=16).hexdigest()}"


_NEWEST_FIRST = (drift_reports.c.at.desc(), drift_reports.c.tenant, drift_reports.c.series)


def remove_drift(connection: Connection, tenant: str) -> dict[str, int]:
    """Remove all that is known of a tenant's questions, in a transaction that is under way.

    The reference of all tenants together holds vectors of theirs, so it goes too, and begins anew.
    """
    everybodys = drift_references.c.tenant.in_((tenant, EVERYBODY))
    # Observations first: whoever is just keeping a vector holds them, and has then kept it.
    wanted = (
        ("store.observations", observations, observations.c.tenant == tenant),
        ("store.question_vectors", question_vectors, question_vectors.c.tenant == tenant),
        ("store.drift_references", drift_references, everybodys),
        ("store.drift_reports", drift_reports, drift_reports.c.tenant == tenant),
        ("store.outside_calibrations", outside_calibrations, outside_calibrations.c.tenant == tenant),
    )
    return {name: connection.execute(delete(table).where(which)).rowcount for name, table, which in wanted}


def _reports(connection: Connection, query: Any) -> list[DriftReport]:
    rows = [dict(row._mapping) for row in connection.execute(query)]
    return [DriftReport(**row | {"examples": tuple(row["examples"])}) for row in rows]


def _same(reference: DriftReference) -> ColumnElement[bool]:
    table = drift_references.c
    return and_(
        table.tenant == reference.tenant,
        table.set_at == reference.set_at,
        table.looks == reference.looks,
        table.complete_at.is_not(None),
    )


def _of(tenant: str) -> ColumnElement[bool]:
    return observations.c.tenant == tenant if tenant != EVERYBODY else observations.c.tenant.is_not(None)


def _later(place: Place) -> ColumnElement[bool]:
    at = observations.c.at
    return or_(at > place.at, and_(at == place.at, observations.c.trace_id > place.trace_id))


def _lock_of(tenant: str) -> str:
    return f"drift reference {tenant}"


def _values(reference: DriftReference) -> dict[str, Any]:
    values = asdict(reference)
    for name in ("start", "place"):
        place = values.pop(name)
        values[f"{name}_at"] = place["at"] if place else None
        values[f"{name}_trace"] = place["trace_id"] if place else ""
    return values


def _reference(row: Row[Any]) -> DriftReference:
    values = dict(row._mapping)
    for name in ("start", "place"):
        at, trace = values.pop(f"{name}_at"), values.pop(f"{name}_trace")
        values[name] = None if at is None else Place(at, trace)
    return DriftReference(**values)
