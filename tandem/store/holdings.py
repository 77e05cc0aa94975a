"""How much there is that a person has brought."""

from sqlalchemy import func, select

from tandem.store.job_schema import jobs
from tandem.store.schema import traces, versions
from tandem.store.transactions import Transactions


class Holdings(Transactions):
    """Counts what would be missed."""

    def holdings(self) -> dict[str, int]:
        """Document versions, jobs and traces of all tenants."""
        with self._reading() as connection:
            return {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in (("documents", versions), ("jobs", jobs), ("traces", traces))
            }
