"""Revisions of sources, by which what did not change is not sent again; and removals that are under way."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Two new tables."""
    op.create_table(
        "revisions",
        sa.Column("document_id", sa.String(36), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("reading", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id", "version"], ["versions.document_id", "versions.version"], ondelete="CASCADE"
        ),
    )
    op.create_table(
        "removals",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("corpus", sa.String(64)),
        sa.Column("worker", sa.String(36), nullable=False),
    )
    op.create_index("removals_of_tenant", "removals", ["tenant"])


def downgrade() -> None:
    """Every page and object is then sent once more."""
    op.drop_table("removals")
    op.drop_table("revisions")
