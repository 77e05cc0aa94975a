"""Traces: what was asked, answered and cited."""

from dataclasses import fields
from datetime import datetime

from sqlalchemy import ColumnElement, exists, insert, select, true

from tandem.errors import NotFoundError
from tandem.store.access_rows import Groups, may_see
from tandem.store.observation_records import Observation
from tandem.store.observations import add_observation_to
from tandem.store.records import Trace
from tandem.store.schema import CURRENT, trace_documents, traces, versions
from tandem.store.trace_pages import TraceWish, beyond, wanted
from tandem.store.transactions import Transactions
from tandem.vocabulary import Caller


def shows_only_seen(groups: Groups) -> ColumnElement[bool]:
    """Whether a trace drew on nothing but documents that a caller of these groups may see now."""
    if groups is None:
        return true()
    of_trace = trace_documents.c.trace_id == traces.c.id
    return ~exists().where(of_trace, ~may_see(groups, trace_documents.c.document_id))


class Traces(Transactions):
    """Writes traces and finds them again."""

    def add_trace(self, trace: Trace, observation: Observation | None = None) -> None:
        """Keep one answered question, and its figures; of documents that were deleted in the meantime nothing
        is kept.
        """
        row = {field.name: getattr(trace, field.name) for field in fields(trace)}
        documents = set(row.pop("documents"))
        # Locked, so that a deletion waits until this trace is there to be redacted, or has come before it.
        held = (
            select(versions.c.document_id)
            .where(versions.c.document_id.in_(documents), versions.c.state == CURRENT)
            .order_by(versions.c.document_id)
            .with_for_update(read=True)
        )
        with self._writing() as connection:
            if documents - set(connection.execute(held).scalars()):
                row |= {"answer": "", "passages": [], "citations": []}
                documents = set()
            connection.execute(insert(traces), row)
            if documents:
                links = [{"trace_id": trace.id, "document_id": one} for one in sorted(documents)]
                connection.execute(insert(trace_documents), links)
            if observation is not None:
                add_observation_to(connection, observation)

    def trace(self, caller: Caller, trace_id: str) -> Trace:
        """One trace of the caller's tenant. Raises `NotFoundError`, also where it drew on a document that the
        caller may not see now.
        """
        query = select(traces).where(
            traces.c.id == trace_id, traces.c.tenant == caller.tenant, shows_only_seen(caller.groups)
        )
        drawn = select(trace_documents.c.document_id).where(trace_documents.c.trace_id == trace_id)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
            documents = connection.execute(drawn.order_by(trace_documents.c.document_id)).scalars().all()
        if row is None:
            raise NotFoundError(f"There is no trace {trace_id!r}", param="trace_id")
        return Trace(**row._mapping, documents=tuple(documents))

    def traces(
        self, caller: Caller, *, since: datetime | None = None, limit: int = 1_000, offset: int = 0
    ) -> list[Trace]:
        """Traces of the caller's tenant, the newest first, without `documents`; `since` is included."""
        query = select(traces).where(traces.c.tenant == caller.tenant, shows_only_seen(caller.groups))
        if since is not None:
            query = query.where(traces.c.created_at >= since)
        newest_first = (traces.c.created_at.desc(), traces.c.id)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(*newest_first).limit(limit).offset(offset))
            return [Trace(**row._mapping) for row in rows]

    def trace_page(
        self,
        caller: Caller,
        wish: TraceWish,
        *,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> list[Trace]:
        """Traces of the caller's tenant, the newest first unless told otherwise, without `documents`.

        `after` is the moment and the id of the last one that was seen.
        """
        query = select(traces).where(traces.c.tenant == caller.tenant, wanted(wish))
        if after is not None:
            query = query.where(beyond(*after, oldest_first=oldest_first))
        order = (traces.c.created_at, traces.c.id)
        query = query.order_by(*(order if oldest_first else [each.desc() for each in order]))
        with self._reading() as connection:
            return [Trace(**row._mapping) for row in connection.execute(query.limit(limit))]
