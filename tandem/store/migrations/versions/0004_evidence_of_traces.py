"""Traces keep the probability that their passages hold the answer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """A new column; earlier traces have none."""
    op.add_column("traces", sa.Column("evidence", sa.Float))


def downgrade() -> None:
    """What the evidence was is forgotten."""
    with op.batch_alter_table("traces") as table:
        table.drop_column("evidence")
