"""Feedback, secrets that all servers share, whose turn a chore is, and which traces sampling leaves out."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"


def upgrade() -> None:
    """New tables, and a new column of traces; those that are there are kept by sampling."""
    op.add_column("traces", sa.Column("sampled", sa.Boolean))
    op.create_index("traces_by_age", "traces", ["created_at"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("trace_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("voter", sa.String(64), nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("rating", sa.Integer),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewer", sa.Text),
        sa.Column("reviewed_at", sa.DateTime(timezone=True)),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("correction", sa.Text, nullable=False),
        sa.UniqueConstraint("trace_id", "voter", name="one_vote_a_user"),
        sa.CheckConstraint("verdict IN ('up', 'down', 'neither')", name="known_verdict"),
        sa.CheckConstraint("state IN ('new', 'accepted', 'rejected')", name="known_feedback_state"),
        sa.CheckConstraint("rating IS NULL OR rating BETWEEN 1 AND 5", name="rating_of_five"),
    )
    op.create_index("feedback_of_tenant", "feedback", ["tenant", "at"])
    op.create_index("feedback_of_recipe", "feedback", ["recipe", "at"])
    op.create_index("feedback_by_age", "feedback", ["at"])
    op.create_table(
        "shared_secrets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "turns",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Feedback is lost, and signed ids that are about no longer hold."""
    for table in ("turns", "shared_secrets", "feedback"):
        op.drop_table(table)
    op.drop_index("traces_by_age", "traces")
    with op.batch_alter_table("traces") as traces:
        traces.drop_column("sampled")
