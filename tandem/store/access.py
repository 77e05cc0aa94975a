"""Access groups of documents: who may see which, at this moment."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from tandem.errors import ForbiddenError, NotFoundError
from tandem.store.access_rows import groups_of, may_see, seen_by, write_groups
from tandem.store.access_schema import document_groups
from tandem.store.audit import append_audit
from tandem.store.cached_answers import note_change
from tandem.store.driver import DirectSelect
from tandem.store.faults import faults_explained
from tandem.store.schema import CURRENT, indexed_versions, versions
from tandem.store.transactions import Transactions, lock
from tandem.vocabulary import Caller, Scope


def _current(*, of_groups: bool, of_corpora: bool) -> DirectSelect:
    """Every question asks this."""
    query = select(versions.c.document_id, versions.c.version).where(
        versions.c.document_id.in_(bindparam("ids", expanding=True)),
        versions.c.tenant == bindparam("tenant"),
        versions.c.state == CURRENT,
        versions.c.expires_at.is_(None) | (versions.c.expires_at > bindparam("now")),
    )
    if of_corpora:
        query = query.where(versions.c.corpus.in_(bindparam("corpora", expanding=True)))
    if of_groups:
        query = query.where(seen_by(bindparam("groups", expanding=True), versions.c.document_id))
    return DirectSelect(query)


_FORMS = {
    (of_groups, of_corpora): _current(of_groups=of_groups, of_corpora=of_corpora)
    for of_groups in (False, True)
    for of_corpora in (False, True)
}


class AccessGroups(Transactions):
    """Reads and changes the access groups of documents."""

    def visible_versions(self, scope: Scope, document_ids: Collection[str]) -> dict[str, str]:
        """Document id to current version, of what the scope may see now.

        One that is unknown, expired, another tenant's, or of groups that whoever asks does not have is left
        out. What a document is marked with is not looked at: it is part of its version.
        """
        values: dict[str, Any] = {"ids": list(document_ids), "tenant": scope.tenant, "now": datetime.now(UTC)}
        if scope.corpora is not None:
            values["corpora"] = list(scope.corpora)
        if scope.groups is not None:
            values["groups"] = list(scope.groups)
        query = _FORMS[scope.groups is not None, scope.corpora is not None]
        with faults_explained():
            return dict(query.rows(self._engine, values))

    def groups_of(self, document_id: str) -> tuple[str, ...]:
        """The access groups of a document, sorted; none where everybody of its tenant may see it."""
        with self._reading() as connection:
            return groups_of(connection, [document_id]).get(document_id, ())

    def set_groups(
        self, caller: Caller, corpus: str, document_id: str, groups: Sequence[str]
    ) -> tuple[str, ...]:
        """Give a document these groups, none for everybody, from this moment on; returns those that it had.

        Other collections than the one that answers are noted to lack the document, so that none of them
        begins to answer with groups of before. Raises `NotFoundError` for one that the caller may not see.
        """
        query = select(versions.c.document_id).where(
            versions.c.document_id == document_id,
            versions.c.tenant == caller.tenant,
            versions.c.corpus == corpus,
            versions.c.state == CURRENT,
            may_see(caller.groups),
        )
        wanted = tuple(sorted(set(groups)))
        with self._writing() as connection:
            lock(connection, document_id)
            if connection.execute(query).first() is None:
                raise NotFoundError(
                    f"There is no document {document_id!r} in corpus {corpus!r}", param="document_id"
                )
            before = write_groups(connection, document_id, caller.tenant, corpus, wanted)
            if before == wanted:
                return before
            held = indexed_versions.c.document_id == document_id
            connection.execute(update(indexed_versions).where(held).values(whole=False))
            append_audit(
                connection,
                tenant=caller.tenant,
                subject=caller.subject,
                action="document.shared",
                object=document_id,
                details={"corpus": corpus, "groups": list(wanted), "before": list(before)},
            )
            note_change(connection, caller.tenant, corpus)
            return before

    def require_writable(self, caller: Caller, document_id: str) -> None:
        """Raises `ForbiddenError` where a document is there that the caller may not see, so that nobody writes
        over it unseen.
        """
        if caller.groups is None:
            return
        hidden = select(document_groups.c.name).where(
            document_groups.c.document_id == document_id,
            ~may_see(caller.groups, document_groups.c.document_id),
        )
        with self._reading() as connection:
            if connection.execute(hidden.limit(1)).first() is not None:
                raise ForbiddenError(
                    "The document at this address is for other access groups",
                    param="uri",
                    hint="Use another address, or a key with one of its groups.",
                )

    def require_all_seen(self, caller: Caller, corpus: str | None) -> None:
        """Raises `ForbiddenError` where a corpus, or the caller's tenant, has documents that the caller may not
        see, and so may not remove as a whole.
        """
        if caller.groups is None:
            return
        hidden = select(document_groups.c.document_id).where(
            document_groups.c.tenant == caller.tenant,
            ~may_see(caller.groups, document_groups.c.document_id),
        )
        if corpus is not None:
            hidden = hidden.where(document_groups.c.corpus == corpus)
        with self._reading() as connection:
            if connection.execute(hidden.limit(1)).first() is not None:
                raise ForbiddenError(
                    "There are documents of other access groups, which would be removed, too",
                    hint="Use a key without groups, or remove documents one by one.",
                )

    def hidden_documents(self, caller: Caller, document_ids: Collection[str]) -> set[str]:
        """Of these documents, those with access groups of which the caller has none."""
        if caller.groups is None:
            return set()
        with self._reading() as connection:
            known = groups_of(connection, document_ids)
        return {one for one, groups in known.items() if set(groups).isdisjoint(caller.groups)}
