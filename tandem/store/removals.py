"""Takes out for good what was deleted, wherever the database holds it, and keeps the receipts."""

from dataclasses import fields

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, insert, select, update

from tandem.errors import NotFoundError
from tandem.store.job_schema import contents, job_documents, jobs
from tandem.store.records import Receipt
from tandem.store.schema import corpora, receipts, trace_documents, traces, versions
from tandem.store.transactions import Transactions
from tandem.vocabulary import Caller


class Removals(Transactions):
    """Removes documents, corpora and tenants. Each method returns what it removed, by place."""

    def erase_document(self, tenant: str, document_id: str) -> dict[str, int]:
        """Remove what traces and jobs hold of a document; its versions go with the sweep.

        A trace that drew on it loses its answer, passages and citations.
        """
        with self._writing() as connection:
            drawn = select(trace_documents.c.trace_id).where(trace_documents.c.document_id == document_id)
            of_tenant = select(jobs.c.id).where(jobs.c.tenant == tenant)
            return {
                "store.traces": _redact(connection, tenant, drawn),
                "store.job_documents": _remove(
                    connection,
                    job_documents,
                    (job_documents.c.document_id == document_id) & job_documents.c.job_id.in_(of_tenant),
                ),
            }

    def erase_corpus(self, tenant: str, corpus: str) -> dict[str, int]:
        """Remove a corpus: versions, jobs, files that wait, settings, and what traces drew from it."""
        with self._writing() as connection:
            held = select(versions.c.document_id).where(
                versions.c.tenant == tenant, versions.c.corpus == corpus
            )
            drawn = select(trace_documents.c.trace_id).where(trace_documents.c.document_id.in_(held))
            its_jobs = (jobs.c.tenant == tenant) & (jobs.c.corpus == corpus)
            removed = {"store.traces": _redact(connection, tenant, drawn)}
            removed |= _remove_jobs(connection, its_jobs)
            removed["store.versions"] = _remove(
                connection, versions, (versions.c.tenant == tenant) & (versions.c.corpus == corpus)
            )
            removed["store.corpora"] = _remove(
                connection, corpora, (corpora.c.tenant == tenant) & (corpora.c.corpus == corpus)
            )
            return removed

    def erase_tenant(self, tenant: str) -> dict[str, int]:
        """Remove all that a tenant has, the traces of its questions among it."""
        with self._writing() as connection:
            removed = {"store.traces": _remove(connection, traces, traces.c.tenant == tenant)}
            removed |= _remove_jobs(connection, jobs.c.tenant == tenant)
            removed["store.versions"] = _remove(connection, versions, versions.c.tenant == tenant)
            removed["store.corpora"] = _remove(connection, corpora, corpora.c.tenant == tenant)
            removed["store.receipts"] = _remove(connection, receipts, receipts.c.tenant == tenant)
            return removed

    def add_receipt(self, receipt: Receipt) -> None:
        """Keep what a deletion has removed."""
        row = {field.name: getattr(receipt, field.name) for field in fields(receipt)}
        with self._writing() as connection:
            connection.execute(insert(receipts).values(row))

    def receipt(self, caller: Caller, receipt_id: str) -> Receipt:
        """One receipt of the caller's tenant. Raises `NotFoundError`."""
        query = select(receipts).where(receipts.c.id == receipt_id, receipts.c.tenant == caller.tenant)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no receipt {receipt_id!r}", param="receipt_id")
        return Receipt(**row._mapping)

    def receipts(self, caller: Caller, limit: int = 100) -> list[Receipt]:
        """The caller's receipts, newest first."""
        query = select(receipts).where(receipts.c.tenant == caller.tenant)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(receipts.c.created_at.desc()).limit(limit))
            return [Receipt(**row._mapping) for row in rows]


def _redact(connection: Connection, tenant: str, drawn: Select[tuple[str]]) -> int:
    """Leave of a trace its question and its figures."""
    which = (traces.c.tenant == tenant) & traces.c.id.in_(drawn)
    count: int = connection.execute(select(func.count()).select_from(traces).where(which)).scalar_one()
    connection.execute(update(traces).where(which).values(answer="", passages=[], citations=[]))
    _remove(connection, trace_documents, trace_documents.c.trace_id.in_(drawn))
    return count


def _remove_jobs(connection: Connection, which: ColumnElement[bool]) -> dict[str, int]:
    ids = select(jobs.c.id).where(which)
    return {
        "store.contents": _remove(connection, contents, contents.c.job_id.in_(ids)),
        "store.job_documents": _remove(connection, job_documents, job_documents.c.job_id.in_(ids)),
        "store.jobs": _remove(connection, jobs, which),
    }


def _remove(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    count: int = connection.execute(select(func.count()).select_from(table).where(which)).scalar_one()
    connection.execute(delete(table).where(which))
    return count
