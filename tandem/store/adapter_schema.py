"""The tables of adapters. A version's row is added and never changed, but for the moment of its removal."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    String,
    Table,
)

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

adapter_versions = Table(
    "adapter_versions",
    metadata,
    Column("name", AnyName(64), primary_key=True),
    # 1 is the first. A removed version keeps its row, so that its number never means other weights.
    Column("number", Integer, primary_key=True),
    Column("base", AnyText, nullable=False),
    Column("base_hash", String(64), nullable=False),
    Column("data_hash", String(64), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("note", AnyText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    # Why vLLM does not serve it as an adapter.
    Column("unserved", JSON, nullable=False),
    # SHA-256 and bytes of each file, by its path in the version's folder.
    Column("files", JSON, nullable=False),
    Column("sizes", JSON, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
)

served_adapters = Table(
    "served_adapters",
    metadata,
    # What is to be loaded at the engine whether or not a recipe names it.
    Column("name", AnyName(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("author", AnyName(128), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["name", "number"], ["adapter_versions.name", "adapter_versions.number"]),
)

adapter_tag_moves = Table(
    "adapter_tag_moves",
    metadata,
    # The last move of a tag holds, so a tag is on one version at most. No number: it was taken away.
    Column("name", AnyName(64), primary_key=True),
    Column("tag", AnyName(64), primary_key=True),
    Column("move", Integer, primary_key=True),
    Column("number", Integer),
    Column("author", AnyName(128), nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("moved_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["name", "number"], ["adapter_versions.name", "adapter_versions.number"]),
)
