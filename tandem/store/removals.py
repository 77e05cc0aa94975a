"""Takes out for good what was deleted, wherever the database holds it, and keeps the receipts."""

import re
from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    cast,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from tandem.errors import NotFoundError
from tandem.store.access_rows import forget_groups
from tandem.store.access_schema import document_groups
from tandem.store.audit import append_audit
from tandem.store.cached_answers import forget_changes, remove_answers
from tandem.store.collections import is_active
from tandem.store.drift import remove_drift
from tandem.store.feedback import without_words
from tandem.store.feedback_schema import feedback
from tandem.store.holds import hold
from tandem.store.job_records import WAITING
from tandem.store.job_rows import uri_hash
from tandem.store.job_schema import contents, job_documents, jobs
from tandem.store.records import Hold, Receipt
from tandem.store.schema import (
    PENDING,
    SUPERSEDED,
    corpora,
    receipts,
    removals,
    trace_documents,
    traces,
    versions,
)
from tandem.store.transactions import Transactions
from tandem.store.version_rows import free_for
from tandem.vocabulary import Caller

_INNER = re.compile(r"!/|#")


class Removals(Transactions):
    """Removes documents, corpora and tenants. Each method returns what it removed, by place."""

    def erase_document(self, tenant: str, corpus: str, document_id: str, uri: str) -> dict[str, int]:
        """Remove what traces, jobs and kept answers hold of a document; its versions go with the sweep.

        A trace that drew on it loses its answer, passages and citations, and feedback on it its words. A job loses the file, and the
        archives in which it lay; what still waits in a job that goes on is not touched.
        """
        drawn = select(trace_documents.c.trace_id).where(trace_documents.c.document_id == document_id)
        mine = job_documents.c.job_id.in_(select(jobs.c.id).where(_scope(jobs, tenant, corpus)))
        done = ~(
            (job_documents.c.state == WAITING)
            & job_documents.c.job_id.in_(select(jobs.c.id).where(jobs.c.state.in_(("queued", "running"))))
        )
        here = mine & done & (job_documents.c.uri_hash == uri_hash(uri))
        around = mine & done & job_documents.c.uri_hash.in_([uri_hash(outer) for outer in _around(uri)])
        with self._writing() as connection:
            removed = {
                **_redact(connection, tenant, drawn),
                "store.contents": _remove_contents(connection, here) + _remove_contents(connection, around),
            }
            removed["store.job_documents"] = _remove(connection, job_documents, here)
            return removed | {"caches.answers": remove_answers(connection, tenant, corpus)}

    def holds(self, tenant: str, corpus: str) -> bool:
        """Whether there is anything of a corpus: documents, what is left of them, jobs or settings."""
        with self._reading() as connection:
            return any(
                connection.execute(
                    select(table.c.tenant).where(_scope(table, tenant, corpus)).limit(1)
                ).first()
                for table in (versions, jobs, corpora)
            )

    def retire(
        self, tenant: str, corpus: str | None = None, wanted: Hold | None = None
    ) -> tuple[dict[str, int], list[str]]:
        """Take a corpus, or all that a tenant has, from every reader, and remove what is not a version.

        Jobs end, as their rows are gone; so do, at their next step, writes that are under way. With
        `wanted`, no other write begins there until `end_hold`. Returns what was removed, and the ids of
        documents that were just being written, whose chunks may still come.
        """
        mine = _scope(versions, tenant, corpus)
        drawn = select(trace_documents.c.trace_id).where(
            trace_documents.c.document_id.in_(select(versions.c.document_id).where(mine))
        )
        with self._writing() as connection:
            hold(connection, tenant, corpus, wanted)
            removed_jobs = _remove_jobs(connection, _scope(jobs, tenant, corpus))
            pending = select(versions.c.document_id).where(mine, versions.c.state == PENDING)
            written = list(connection.execute(pending).scalars())
            # Before the traces: one that is just being kept waits for this, and then finds no document.
            connection.execute(update(versions).where(mine).values(state=SUPERSEDED))
            if corpus is None:
                removed = {
                    "store.traces": _remove(connection, traces, traces.c.tenant == tenant),
                    "store.feedback": _remove(connection, feedback, feedback.c.tenant == tenant),
                    "store.receipts": _remove(connection, receipts, receipts.c.tenant == tenant),
                } | remove_drift(connection, tenant)
            else:
                removed = _redact(connection, tenant, drawn)
            removed |= removed_jobs
            removed["store.corpora"] = _remove(connection, corpora, _scope(corpora, tenant, corpus))
            # In this order: an answer that is just being kept is there to be removed, or is not kept.
            forget_changes(connection, tenant, corpus)
            removed["caches.answers"] = remove_answers(connection, tenant, corpus)
        return removed, written

    def end_hold(self, hold_id: str) -> None:
        """Let writes begin again; harmless if that was done."""
        with self._writing() as connection:
            connection.execute(delete(removals).where(removals.c.id == hold_id))

    def erase_versions(
        self,
        tenant: str,
        corpus: str | None,
        besides: Sequence[str],
        collection: str | None = None,
        worker: str | None = None,
    ) -> int:
        """Remove retired versions whose chunks have left `collection`; returns how many.

        `besides` are left to a sweep; so is what another living worker than `worker` writes or sweeps, and
        all if another collection answers now.
        """
        gone = _scope(versions, tenant, corpus) & (versions.c.state == SUPERSEDED) & free_for(worker)
        with self._writing() as connection:
            if not is_active(connection, collection):
                return 0
            removed = _remove(connection, versions, gone & versions.c.document_id.not_in(besides))
            forget_groups(connection, _scope(document_groups, tenant, corpus))
            return removed

    def add_receipt(self, receipt: Receipt, subject: str) -> None:
        """Keep what a deletion has removed; `subject` is who wanted it."""
        row = {field.name: getattr(receipt, field.name) for field in fields(receipt)}
        with self._writing() as connection:
            connection.execute(insert(receipts).values(row))
            kind = "document" if receipt.document_id else "corpus" if receipt.corpus else "tenant"
            removed = receipt.document_id or receipt.corpus or receipt.tenant
            told = {"corpus": receipt.corpus, "receipt": receipt.id}
            append_audit(
                connection,
                tenant=receipt.tenant,
                subject=subject,
                action=f"{kind}.removed",
                object=removed,
                details=told,
            )

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


def _scope(table: Table, tenant: str, corpus: str | None) -> ColumnElement[bool]:
    mine = table.c.tenant == tenant
    return mine if corpus is None else mine & (table.c.corpus == corpus)


def _redact(connection: Connection, tenant: str, drawn: Select[tuple[str]]) -> dict[str, int]:
    """Leave of a trace its question and its figures, and of feedback on it the vote."""
    which = (traces.c.tenant == tenant) & traces.c.id.in_(drawn)
    count: int = connection.execute(select(func.count()).select_from(traces).where(which)).scalar_one()
    # The traces first: a vote that is just being cast waits for this, and then finds no answer.
    connection.execute(update(traces).where(which).values(answer="", passages=[], citations=[]))
    said = (feedback.c.tenant == tenant) & feedback.c.trace_id.in_(drawn) & _has_words()
    words: int = connection.execute(select(func.count()).select_from(feedback).where(said)).scalar_one()
    connection.execute(update(feedback).where(said).values(without_words()))
    _remove(connection, trace_documents, trace_documents.c.trace_id.in_(drawn))
    return {"store.traces": count, "store.feedback": words}


def _has_words() -> ColumnElement[bool]:
    tagged = cast(feedback.c.tags, Text) != "[]"
    return (feedback.c.comment != "") | (feedback.c.correction != "") | tagged


def _remove_contents(connection: Connection, which: ColumnElement[bool]) -> int:
    """Remove the files of some documents of jobs, but not those that a document beside them shares."""
    held = (contents.c.job_id == job_documents.c.job_id) & (contents.c.hash == job_documents.c.content_hash)
    theirs = exists().where(held, which)
    waiting = exists().where(held, job_documents.c.state == WAITING)
    return _remove(connection, contents, theirs & ~waiting)


def _around(uri: str) -> list[str]:
    """The addresses of the archives, e-mails and files of records in which a document lies."""
    return [uri[: mark.start()] for mark in _INNER.finditer(uri)]


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
