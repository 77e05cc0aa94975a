"""Corpora and tenants that are just being removed: until that has ended, nothing is begun in them.

A removal takes what it knows from every reader, and then all chunks of the corpus from the index. What was
begun in between would lose its chunks.
"""

from sqlalchemy import Connection, delete, insert, select

from tandem.errors import ConflictError
from tandem.store.job_rows import living
from tandem.store.records import Hold
from tandem.store.schema import removals
from tandem.store.transactions import lock


def hold(connection: Connection, tenant: str, corpus: str | None, wanted: Hold | None) -> None:
    """Let nothing be begun from now on, as long as the worker lives; waits for what is just being begun."""
    lock(connection, _name(tenant))
    connection.execute(delete(removals).where(removals.c.worker.not_in(living())))
    if wanted is not None:
        row = {"id": wanted.id, "tenant": tenant, "corpus": corpus, "worker": wanted.worker}
        connection.execute(insert(removals).values(row))


def require_unheld(connection: Connection, tenant: str, corpus: str) -> None:
    """Raises `ConflictError` while the corpus, or all of the tenant, is being removed.

    No removal begins until the transaction ends.
    """
    lock(connection, _name(tenant), shared=True)
    held = select(removals.c.id).where(
        removals.c.tenant == tenant,
        removals.c.corpus.is_(None) | (removals.c.corpus == corpus),
        removals.c.worker.in_(living()),
    )
    if connection.execute(held).first() is not None:
        raise ConflictError(
            f"Corpus {corpus!r} is just being removed",
            param="corpus",
            hint="Ingest when that has ended.",
            retry_after=5,
        )


def _name(tenant: str) -> str:
    return f"removals of {tenant}"
