"""The table of turns."""

from sqlalchemy import Column, Table

from tandem.store.columns import AnyName, UtcDateTime, metadata

turns = Table(
    "turns",
    metadata,
    # When a chore that one server does for all was last begun.
    Column("name", AnyName(64), primary_key=True),
    Column("taken_at", UtcDateTime, nullable=False),
)
