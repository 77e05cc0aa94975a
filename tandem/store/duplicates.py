"""Finds documents of a corpus that say the same, and keeps the links between them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update

from tandem.store.access_rows import has_just, same_groups
from tandem.store.documents import records_of
from tandem.store.records import DocumentRecord, Original
from tandem.store.schema import CURRENT, PENDING, bands, versions
from tandem.store.transactions import Transactions
from tandem.vocabulary import Document

_MOST_CANDIDATES = 5


class Duplicates(Transactions):
    """Links of documents to the one that is searched in their place."""

    def same_text(
        self, document: Document, text_hash: str, besides: str | None = None, groups: Sequence[str] = ()
    ) -> Original | None:
        """A document of the corpus and of these access groups, not `besides`, that has this hash and is, or will
        be, searched itself.
        """
        query = (
            select(versions.c.document_id, versions.c.version)
            .where(_searched_beside(document, groups, besides), versions.c.text_hash == text_hash)
            .order_by(versions.c.document_id)
            .limit(1)
        )
        with self._reading() as connection:
            found = connection.execute(query).one_or_none()
        return None if found is None else Original(*found)

    def near_texts(
        self,
        document: Document,
        values: Sequence[str],
        besides: str | None = None,
        groups: Sequence[str] = (),
    ) -> list[tuple[Original, str]]:
        """With their texts, the documents of these access groups that share the most bands with `values`, at
        most five.
        """
        shared = or_(*(and_(bands.c.band == n, bands.c.value == value) for n, value in enumerate(values)))
        nearest = (
            select(bands.c.document_id, bands.c.version, func.count().label("shared"))
            .join(
                versions,
                and_(versions.c.document_id == bands.c.document_id, versions.c.version == bands.c.version),
            )
            .where(shared, _looked_at_last(_searched_beside(document, groups, besides)))
            .group_by(bands.c.document_id, bands.c.version)
            .order_by(func.count().desc(), bands.c.document_id)
            .limit(_MOST_CANDIDATES)
            .subquery()
        )
        query = (
            select(versions.c.document_id, versions.c.version, versions.c.text)
            .join(
                nearest,
                and_(
                    versions.c.document_id == nearest.c.document_id,
                    versions.c.version == nearest.c.version,
                ),
            )
            .order_by(nearest.c.shared.desc(), versions.c.document_id)
        )
        with self._reading() as connection:
            return [(Original(known, version), text) for known, version, text in connection.execute(query)]

    def duplicates_of(self, document_id: str) -> list[DocumentRecord]:
        """The documents that are linked to this one, whole, by uri."""
        query = select(versions).where(versions.c.duplicate_of == document_id, versions.c.state == CURRENT)
        with self._reading() as connection:
            return records_of(connection, query.order_by(versions.c.uri))

    def orphaned_duplicates(self, document_id: str | None = None) -> list[DocumentRecord]:
        """Documents of all tenants (or just one) whose original is gone, expires before them, is for others than
        they are, or no longer says the same; whole.
        """
        original = versions.alias()
        searched = exists().where(
            original.c.document_id == versions.c.duplicate_of,
            original.c.version == versions.c.original_version,
            original.c.state == CURRENT,
            original.c.duplicate_of.is_(None),
            same_groups(original.c.document_id, versions.c.document_id),
            or_(original.c.expires_at.is_(None), original.c.expires_at >= versions.c.expires_at),
        )
        query = select(versions).where(
            versions.c.state == CURRENT, versions.c.duplicate_of.is_not(None), ~searched
        )
        if document_id is not None:
            query = query.where(versions.c.document_id == document_id)
        with self._reading() as connection:
            return records_of(connection, query.order_by(versions.c.uri))

    def relink_duplicate(self, document_id: str, original: Original) -> None:
        """Note that a duplicate says the same as this version of its original, too."""
        linked = (versions.c.document_id == document_id) & (versions.c.duplicate_of == original.document_id)
        with self._writing() as connection:
            connection.execute(update(versions).where(linked).values(original_version=original.version))


def _looked_at_last(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The same, but no index serves it: SQLite would go through the whole corpus by it, bands or not."""
    return case((condition, 1), else_=0) == 1


def _searched_beside(document: Document, groups: Sequence[str], besides: str | None) -> ColumnElement[bool]:
    """Other documents of the corpus that are, or are about to be, searched themselves, by the same callers, and
    as long as this.

    What a pending version states is not looked at: whoever it leaves without an original is an orphan then.
    """
    until = document.marks.expires_at
    never = versions.c.expires_at.is_(None)
    return and_(
        never if until is None else or_(never, versions.c.expires_at >= until),
        versions.c.tenant == document.tenant,
        versions.c.corpus == document.corpus,
        versions.c.document_id.not_in({document.id, besides or document.id}),
        versions.c.duplicate_of.is_(None),
        versions.c.state.in_((CURRENT, PENDING)),
        has_just(groups, versions.c.document_id),
    )
