"""The tables of prompts, recipes and the champion. Rows are added and never changed; only tags move."""

from sqlalchemy import JSON, Column, ForeignKeyConstraint, Index, Integer, String, Table, UniqueConstraint

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("name", AnyName(64), primary_key=True),
    # 1 is the first. An old text that was restored has two numbers and one hash.
    Column("number", Integer, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("note", AnyText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("text", AnyText, nullable=False),
)
Index("prompt_versions_by_hash", prompt_versions.c.name, prompt_versions.c.hash)

prompt_tags = Table(
    "prompt_tags",
    metadata,
    Column("name", AnyName(64), primary_key=True),
    Column("tag", AnyName(64), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("moved_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["name", "number"], ["prompt_versions.name", "prompt_versions.number"]),
)

recipe_versions = Table(
    "recipe_versions",
    metadata,
    # In the order in which they were committed, so that a process can ask for what it does not know yet.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", AnyName(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("prompt_name", AnyName(64), nullable=False),
    Column("prompt_hash", String(64), nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("note", AnyText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("definition", JSON, nullable=False),
    UniqueConstraint("name", "number", name="one_recipe_version_of_a_number"),
)

champion_changes = Table(
    "champion_changes",
    metadata,
    # The last one holds. `undoes_to` is the change whose champion a rollback brings back.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("recipe", AnyName(64), nullable=False),
    Column("version", AnyName(64)),
    Column("undoes_to", Integer),
    Column("author", AnyName(128), nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)
