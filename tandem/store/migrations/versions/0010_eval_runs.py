"""Eval runs and their replies."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """New tables; nothing that was there changes."""
    op.create_table(
        "eval_runs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("set_name", sa.String(128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.CheckConstraint("state IN ('running', 'partial', 'finished')", name="known_eval_run_state"),
    )
    op.create_index("eval_runs_by_age", "eval_runs", ["created_at"])
    op.create_table(
        "eval_replies",
        sa.Column("run", sa.String(36), sa.ForeignKey("eval_runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("reply", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Runs and replies are lost."""
    op.drop_table("eval_replies")
    op.drop_table("eval_runs")
