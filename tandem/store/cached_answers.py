"""Answers that are kept to be given again, and what of the documents they depend on.

Every change of what can be found in a corpus gives it a new random mark, in the same transaction. An answer
is kept with the marks of its scope, read before its documents were searched, and given again only while they
are the same. So no process can give an answer that another process's change has made wrong.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Select, delete, insert, select, update

from tandem.store.cache_schema import cached_answers, corpus_states
from tandem.store.schema import CURRENT, versions
from tandem.store.transactions import Transactions, lock


@dataclass(frozen=True, slots=True)
class Visible:
    """What can be found in a scope, as a digest."""

    digest: str
    until: datetime | None
    """The next moment at which a document of the scope expires, which changes it without a trace."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer to keep."""

    tenant: str
    key: str
    family: str
    visible: str
    corpora: tuple[str, ...] | None
    ends_at: datetime
    vector: bytes | None
    answer: str


class CachedAnswers(Transactions):
    """Keeps answers and finds them again."""

    def visible(self, tenant: str, corpora: Sequence[str] | None) -> Visible:
        """What can be found now in these corpora of the tenant, or in all."""
        ends = select(versions.c.expires_at).where(
            versions.c.expires_at > datetime.now(UTC),
            versions.c.tenant == tenant,
            versions.c.state == CURRENT,
        )
        if corpora is not None:
            ends = ends.where(versions.c.corpus.in_(corpora))
        with self._reading() as connection:
            digest = _digest(connection, _states(tenant, corpora))
            until = connection.execute(ends.order_by(versions.c.expires_at).limit(1)).scalar()
        return Visible(digest, until)

    def cached_answer(self, tenant: str, key: str, visible: str) -> str | None:
        """The answer that was kept under a key, if the documents are still the same."""
        query = select(cached_answers.c.answer).where(
            cached_answers.c.key == key, _holds(tenant, visible, datetime.now(UTC))
        )
        with self._reading() as connection:
            found: str | None = connection.execute(query).scalar()
        return found

    def cached_questions(self, tenant: str, family: str, visible: str) -> list[tuple[str, bytes]]:
        """Keys and vectors of the questions of a family, if the documents are still the same."""
        query = select(cached_answers.c.key, cached_answers.c.vector).where(
            cached_answers.c.family == family,
            cached_answers.c.vector.is_not(None),
            _holds(tenant, visible, datetime.now(UTC)),
        )
        with self._reading() as connection:
            return [(key, vector) for key, vector in connection.execute(query)]

    def keep_answer(
        self, kept: CachedAnswer, documents: Collection[str], *, entries: int, max_bytes: int
    ) -> bool:
        """Keep an answer in place of the one under its key; false if what it was drawn from has changed.

        The oldest of the tenant go, until there are at most `entries` of at most `max_bytes` together.
        """
        size = len(kept.answer.encode()) + len(kept.vector or b"")
        if size > max_bytes:
            return False
        now = datetime.now(UTC)
        row = {
            "tenant": kept.tenant,
            "key": kept.key,
            "family": kept.family,
            "visible": kept.visible,
            "corpora": None if kept.corpora is None else list(kept.corpora),
            "created_at": now,
            "ends_at": kept.ends_at,
            "size": size,
            "vector": kept.vector,
            "answer": kept.answer,
        }
        # Locked, so that a deletion waits until this answer is there to be removed, or has come before it.
        # Versions first, then states, then answers: so does whoever changes them.
        states = _states(kept.tenant, kept.corpora).with_for_update(read=True)
        current = (
            select(versions.c.document_id)
            .where(versions.c.document_id.in_(documents), versions.c.state == CURRENT)
            .order_by(versions.c.document_id)
            .with_for_update(read=True)
        )
        mine = cached_answers.c.tenant == kept.tenant
        with self._writing() as connection:
            if set(documents) - set(connection.execute(current).scalars()):
                return False
            if _digest(connection, states) != kept.visible:
                return False
            lock(connection, _lock_of(kept.tenant))
            over = (cached_answers.c.key == kept.key) | (cached_answers.c.ends_at <= now)
            connection.execute(delete(cached_answers).where(mine, over))
            _make_room(connection, mine, entries - 1, max_bytes - size)
            connection.execute(insert(cached_answers).values(row))
        return True


def note_change(connection: Connection, tenant: str, corpus: str) -> None:
    """Note that from this transaction on something else can be found in a corpus.

    The last statement of its transaction: those who wait for it then wait for nobody who waits for them.
    """
    lock(connection, f"corpus_states\x00{tenant}\x00{corpus}")
    here = (corpus_states.c.tenant == tenant) & (corpus_states.c.corpus == corpus)
    state = uuid4().hex
    if not connection.execute(update(corpus_states).where(here).values(state=state)).rowcount:
        connection.execute(insert(corpus_states).values(tenant=tenant, corpus=corpus, state=state))


def forget_changes(connection: Connection, tenant: str, corpus: str | None) -> None:
    """Forget a corpus, or all of a tenant, that nothing can be found of any more. Last, as `note_change`."""
    here = corpus_states.c.tenant == tenant
    if corpus is not None:
        here &= corpus_states.c.corpus == corpus
    connection.execute(delete(corpus_states).where(here))


def remove_answers(connection: Connection, tenant: str, corpus: str | None) -> int:
    """Remove what may hold words of a corpus, or all of a tenant's; returns how many answers."""
    lock(connection, _lock_of(tenant))
    mine = cached_answers.c.tenant == tenant
    kept = connection.execute(select(cached_answers.c.key, cached_answers.c.corpora).where(mine)).all()
    keys = [key for key, corpora in kept if corpus is None or corpora is None or corpus in corpora]
    connection.execute(delete(cached_answers).where(mine, cached_answers.c.key.in_(keys)))
    return len(keys)


def _lock_of(tenant: str) -> str:
    return f"cached_answers\x00{tenant}"


def _states(tenant: str, corpora: Sequence[str] | None) -> Select[tuple[str, str]]:
    query = select(corpus_states.c.corpus, corpus_states.c.state).where(corpus_states.c.tenant == tenant)
    if corpora is not None:
        query = query.where(corpus_states.c.corpus.in_(corpora))
    return query.order_by(corpus_states.c.corpus)


def _digest(connection: Connection, states: Select[tuple[str, str]]) -> str:
    found = [list(row) for row in connection.execute(states)]
    return sha256(json.dumps(found).encode()).hexdigest()


def _holds(tenant: str, visible: str, now: datetime) -> ColumnElement[bool]:
    return (
        (cached_answers.c.tenant == tenant)
        & (cached_answers.c.visible == visible)
        & (cached_answers.c.ends_at > now)
    )


def _make_room(connection: Connection, mine: ColumnElement[bool], entries: int, max_bytes: int) -> None:
    """Remove the oldest, until there are at most `entries` of at most `max_bytes`."""
    newest = select(cached_answers.c.key, cached_answers.c.size).where(mine)
    keys, size = [], 0
    for place, (key, each) in enumerate(
        connection.execute(newest.order_by(cached_answers.c.created_at.desc(), cached_answers.c.key))
    ):
        size += each
        if place >= entries or size > max_bytes:
            keys.append(key)
    if keys:
        connection.execute(delete(cached_answers).where(mine, cached_answers.c.key.in_(keys)))
