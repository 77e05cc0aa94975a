"""The table of the audit log. The database itself refuses to change or remove a row of it."""

from sqlalchemy import JSON, Column, Index, Integer, String, Table

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("tenant", AnyText, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", AnyText, nullable=False),
    Column("details", JSON, nullable=False),
    # Of the entry before and of this one: SHA-256, in hex.
    Column("previous", AnyName(64), nullable=False),
    Column("hash", AnyName(64), nullable=False),
)
Index("audit_of_tenant", audit_log.c.tenant, audit_log.c.number)
