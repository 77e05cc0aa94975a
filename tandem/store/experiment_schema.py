"""The table of experiments. What was observed in one stands in `observations`."""

from sqlalchemy import JSON, CheckConstraint, Column, Index, Integer, String, Table

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

experiments = Table(
    "experiments",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", AnyName(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("tenant", AnyText, nullable=False),
    Column("author", AnyText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Written once; all that follows changes with the experiment's life.
    Column("plan", JSON, nullable=False),
    Column("slices", JSON, nullable=False),
    Column("champion", AnyName(128)),
    Column("served", AnyName(128)),
    Column("started_at", UtcDateTime),
    Column("counted_from", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("why", AnyText, nullable=False),
    Column("winner", AnyName(64)),
    Column("promoted_at", UtcDateTime),
    Column("promotion_fault", AnyText, nullable=False),
    Column("dropped", Integer, nullable=False),
    CheckConstraint("state IN ('draft', 'running', 'stopped', 'decided')", name="known_experiment_state"),
)
Index("experiments_by_state", experiments.c.state)
