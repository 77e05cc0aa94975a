"""Secrets that all servers of one store share, drawn by the first that needs one."""

import secrets
from datetime import UTC, datetime

from sqlalchemy import insert, select

from tandem.store.feedback_schema import shared_secrets
from tandem.store.transactions import Transactions, lock

_BYTES = 32


class SharedSecrets(Transactions):
    """Keeps random keys. Whoever reads the database has them, and could change what they sign as well."""

    def shared_secret(self, name: str) -> bytes:
        """The 32 bytes of this name, the same for every server and after every start."""
        query = select(shared_secrets.c.value).where(shared_secrets.c.name == name)
        with self._reading() as connection:
            value = connection.execute(query).scalar_one_or_none()
        if value is None:
            with self._writing() as connection:
                lock(connection, f"secret {name}")
                value = connection.execute(query).scalar_one_or_none()
                if value is None:
                    value = secrets.token_bytes(_BYTES).hex()
                    row = {"name": name, "value": value, "created_at": datetime.now(UTC)}
                    connection.execute(insert(shared_secrets).values(row))
        return bytes.fromhex(value)
