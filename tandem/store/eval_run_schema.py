"""The tables of eval runs. A reply is added once and never changed."""

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, String, Table

from tandem.store.columns import AnyName, UtcDateTime, metadata

eval_runs = Table(
    "eval_runs",
    metadata,
    Column("id", AnyName(36), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("set_name", AnyName(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    # All that made it: set, arms, corpora, seeds, versions.
    Column("facts", JSON, nullable=False),
    CheckConstraint("state IN ('running', 'partial', 'finished')", name="known_eval_run_state"),
)
Index("eval_runs_by_age", eval_runs.c.created_at)

eval_replies = Table(
    "eval_replies",
    metadata,
    Column("run", AnyName(36), ForeignKey("eval_runs.id", ondelete="CASCADE"), primary_key=True),
    # Hash of what was asked.
    Column("key", String(64), primary_key=True),
    Column("failed", Boolean, nullable=False),
    Column("reply", JSON, nullable=False),
)
