"""Experiments: challengers beside the champion."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """A new table."""
    op.create_table(
        "experiments",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("slices", sa.JSON, nullable=False),
        sa.Column("champion", sa.String(128)),
        sa.Column("served", sa.String(128)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("counted_from", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("winner", sa.String(64)),
        sa.Column("promoted_at", sa.DateTime(timezone=True)),
        sa.Column("promotion_fault", sa.Text, nullable=False),
        sa.Column("dropped", sa.Integer, nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'running', 'stopped', 'decided')", name="known_experiment_state"
        ),
    )
    op.create_index("experiments_by_state", "experiments", ["state"])


def downgrade() -> None:
    """Experiments are lost; what was observed in them stays."""
    op.drop_table("experiments")
