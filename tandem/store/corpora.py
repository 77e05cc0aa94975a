"""What a corpus is set to."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select

from tandem.store.schema import corpora
from tandem.store.transactions import Transactions


class CorpusSettings(Transactions):
    """Settings of corpora; one that was never set has none."""

    def splitting_of(self, tenant: str, corpus: str) -> dict[str, Any]:
        """How the corpus is split, as far as that was set; else empty."""
        query = select(corpora.c.splitting).where(corpora.c.tenant == tenant, corpora.c.corpus == corpus)
        with self._reading() as connection:
            found: dict[str, Any] | None = connection.execute(query).scalar()
        return found or {}

    def set_splitting(self, tenant: str, corpus: str, splitting: dict[str, Any]) -> None:
        """Set it; it holds for what is ingested from now on."""
        here = (corpora.c.tenant == tenant) & (corpora.c.corpus == corpus)
        row = {"tenant": tenant, "corpus": corpus, "splitting": splitting, "updated_at": datetime.now(UTC)}
        with self._writing() as connection:
            connection.execute(delete(corpora).where(here))
            connection.execute(insert(corpora).values(row))
