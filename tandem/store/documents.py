"""The reading side of documents: only current versions, only of the caller's tenant and access groups."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from tandem.errors import NotFoundError
from tandem.store.access_rows import groups_of, may_see
from tandem.store.records import CorpusSummary, DocumentRecord
from tandem.store.schema import CURRENT, versions
from tandem.store.transactions import Transactions
from tandem.vocabulary import Block, BlockKind, Caller, Heading, Marks, Page

_LARGE = ("pages", "headings", "blocks", "text")
LISTED = tuple(column for column in versions.c if column.name not in _LARGE)
"""All columns but the large ones."""


class Documents(Transactions):
    """Finds documents, corpora and current versions."""

    def document(self, caller: Caller, corpus: str, document_id: str) -> DocumentRecord:
        """One document with its text. Raises `NotFoundError`."""
        query = select(versions).where(
            versions.c.document_id == document_id,
            _of_corpus(caller.tenant, corpus),
            may_see(caller.groups),
        )
        with self._reading() as connection:
            found = records_of(connection, query)
        if not found:
            raise NotFoundError(
                f"There is no document {document_id!r} in corpus {corpus!r}", param="document_id"
            )
        return found[0]

    def document_or_none(self, caller: Caller, corpus: str, document_id: str) -> DocumentRecord | None:
        """One document without its text, or `None`."""
        query = select(*LISTED).where(
            versions.c.document_id == document_id,
            _of_corpus(caller.tenant, corpus),
            may_see(caller.groups),
        )
        with self._reading() as connection:
            found = records_of(connection, query)
        return found[0] if found else None

    def documents(
        self, caller: Caller, corpus: str, limit: int = 100, offset: int = 0
    ) -> list[DocumentRecord]:
        """Documents of a corpus by uri, without their texts. Raises `NotFoundError` for an unknown corpus."""
        query = (
            select(*LISTED)
            .where(_of_corpus(caller.tenant, corpus), may_see(caller.groups))
            .order_by(versions.c.uri)
            .limit(limit)
            .offset(offset)
        )
        with self._reading() as connection:
            found = records_of(connection, query)
            if not found:
                _require_corpus(_corpora(connection, caller), corpus)
        return found

    def corpora(self, caller: Caller) -> list[CorpusSummary]:
        """The caller's corpora, by name, as far as they hold what the caller may see."""
        with self._reading() as connection:
            return _corpora(connection, caller)

    def current_versions(self, tenant: str, document_ids: Collection[str]) -> dict[str, str]:
        """Document id to current version; one that is unknown, expired or another tenant's is left out.

        Whoever may see it: for those who write. Questions ask `visible_versions`.
        """
        query = select(versions.c.document_id, versions.c.version).where(
            versions.c.document_id.in_(document_ids),
            versions.c.tenant == tenant,
            versions.c.state == CURRENT,
            versions.c.expires_at.is_(None) | (versions.c.expires_at > datetime.now(UTC)),
        )
        with self._reading() as connection:
            return dict(connection.execute(query).tuples().all())

    def current_uris(self, caller: Caller, corpus: str, before: datetime) -> dict[str, str]:
        """Document id to uri, of all of the corpus that the caller may see and was read before a moment."""
        query = select(versions.c.document_id, versions.c.uri).where(
            _of_corpus(caller.tenant, corpus), may_see(caller.groups), versions.c.created_at < before
        )
        with self._reading() as connection:
            return dict(connection.execute(query).tuples().all())

    def expired(self, limit: int = 1_000) -> list[DocumentRecord]:
        """Current documents of all tenants whose time is over, without their texts."""
        query = select(*LISTED).where(versions.c.state == CURRENT, versions.c.expires_at <= datetime.now(UTC))
        with self._reading() as connection:
            return records_of(connection, query.limit(limit))


def records_of(connection: Connection, query: Select[Any]) -> list[DocumentRecord]:
    """What a query of `LISTED`, or of all columns, finds, with the groups of each."""
    rows = connection.execute(query).all()
    known = groups_of(connection, {row.document_id for row in rows})
    return [record_of(row, known.get(row.document_id, ())) for row in rows]


def record_of(row: Row[Any], groups: tuple[str, ...]) -> DocumentRecord:
    """A row of `LISTED` or of all columns as a record."""
    values = dict(row._mapping) | {"groups": groups}
    for name in ("state", "writer", "text_hash", "original_version"):
        del values[name]
    values["id"] = values.pop("document_id")
    values["marks"] = Marks(tuple(values.pop("tags")), values.pop("metadata"), values.pop("expires_at"))
    if "text" in values:
        values["pages"] = tuple(Page(**page) for page in values["pages"])
        values["headings"] = tuple(Heading(**heading) for heading in values["headings"])
        values["blocks"] = tuple(
            Block(BlockKind(block["kind"]), block["start"], block["end"]) for block in values["blocks"]
        )
    return DocumentRecord(**values)


def _of_corpus(tenant: str, corpus: str) -> ColumnElement[bool]:
    return and_(versions.c.tenant == tenant, versions.c.corpus == corpus, versions.c.state == CURRENT)


def _corpora(connection: Connection, caller: Caller) -> list[CorpusSummary]:
    query = (
        select(versions.c.corpus, func.count(), func.sum(versions.c.chunks))
        .where(versions.c.tenant == caller.tenant, versions.c.state == CURRENT, may_see(caller.groups))
        .group_by(versions.c.corpus)
        .order_by(versions.c.corpus)
    )
    return [
        CorpusSummary(name, documents, int(chunks)) for name, documents, chunks in connection.execute(query)
    ]


def _require_corpus(known: list[CorpusSummary], corpus: str) -> None:
    names = [summary.name for summary in known]
    if corpus not in names:
        raise NotFoundError(
            f"There is no corpus {corpus!r}",
            param="corpus",
            hint=f"Known: {', '.join(names)}." if names else "Ingest one: tandem ingest PATH --corpus NAME",
        )
