"""Traces: what was asked, answered and cited."""

from dataclasses import fields

from sqlalchemy import insert, select

from tandem.errors import NotFoundError
from tandem.store.records import Trace
from tandem.store.schema import traces
from tandem.store.transactions import Transactions
from tandem.vocabulary import Caller


class Traces(Transactions):
    """Writes traces and finds them again."""

    def add_trace(self, trace: Trace) -> None:
        """Keep one answered question."""
        row = {field.name: getattr(trace, field.name) for field in fields(trace)}
        with self._writing() as connection:
            connection.execute(insert(traces).values(row))

    def trace(self, caller: Caller, trace_id: str) -> Trace:
        """One trace of the caller's tenant. Raises `NotFoundError`."""
        query = select(traces).where(traces.c.id == trace_id, traces.c.tenant == caller.tenant)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no trace {trace_id!r}", param="trace_id")
        return Trace(**row._mapping)
