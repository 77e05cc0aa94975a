"""The table of eval sets. A version's row is added, and never changed until it is removed."""

from sqlalchemy import JSON, Column, Integer, String, Table

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

eval_set_versions = Table(
    "eval_set_versions",
    metadata,
    Column("name", AnyName(64), primary_key=True),
    # 1 is the first.
    Column("number", Integer, primary_key=True),
    # Of the cases by their ids, whatever their order; `eval.sets.hashing` says how.
    Column("hash", String(64), nullable=False),
    Column("count", Integer, nullable=False),
    Column("description", AnyText, nullable=False),
    Column("note", AnyText, nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("origin", JSON, nullable=False),
    # A JSON array: a list of versions need not read it. Empty once it is removed and no run needs it.
    Column("cases", AnyText, nullable=False),
    Column("removed_at", UtcDateTime),
)
