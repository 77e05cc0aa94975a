"""Answers that are kept to be given again, and the marks by which they are known to be out of date."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Two new tables."""
    op.create_table(
        "corpus_states",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("corpus", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(32), nullable=False),
    )
    op.create_table(
        "cached_answers",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("visible", sa.String(64), nullable=False),
        sa.Column("corpora", sa.JSON),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("vector", sa.LargeBinary),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index("cached_answers_of_tenant", "cached_answers", ["tenant", "created_at"])
    op.create_index("cached_answers_of_family", "cached_answers", ["tenant", "family"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("cached_answers")
    op.drop_table("corpus_states")
