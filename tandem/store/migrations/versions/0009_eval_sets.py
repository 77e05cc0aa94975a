"""Versions of eval sets."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """A new table; nothing that was there changes."""
    op.create_table(
        "eval_set_versions",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.JSON, nullable=False),
        sa.Column("cases", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """The sets are lost: export them before."""
    op.drop_table("eval_set_versions")
