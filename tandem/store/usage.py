"""How much one tenant's corpora hold."""

from dataclasses import dataclass

from sqlalchemy import func, select

from tandem.store.schema import CURRENT, versions
from tandem.store.transactions import Transactions


@dataclass(frozen=True, slots=True)
class TenantUsage:
    """What the current versions of a tenant's documents come to."""

    documents: int
    chunks: int
    chars: int


class Usage(Transactions):
    """Counts what tenants keep."""

    def usage(self, tenant: str) -> TenantUsage:
        """What the tenant's corpora hold now; read from an index alone."""
        query = select(func.count(), func.sum(versions.c.chunks), func.sum(versions.c.size_chars)).where(
            versions.c.tenant == tenant, versions.c.state == CURRENT
        )
        with self._reading() as connection:
            documents, chunks, chars = connection.execute(query).one()
        return TenantUsage(documents, int(chunks or 0), int(chars or 0))
