"""Documents in versions, and traces."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "versions",
        sa.Column("document_id", sa.String(36), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("corpus", sa.String(64), nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("size_chars", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pages", sa.JSON, nullable=False),
        sa.Column("headings", sa.JSON, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'current', 'superseded')", name="known_state"),
    )
    is_current = sa.text("state = 'current'")
    op.create_index(
        "one_current_version",
        "versions",
        ["document_id"],
        unique=True,
        sqlite_where=is_current,
        postgresql_where=is_current,
    )
    op.create_index("versions_of_corpus", "versions", ["tenant", "corpus", "state"])
    op.create_index("versions_by_state", "versions", ["state"])
    op.create_table(
        "traces",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("prompt_version", sa.Text, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("corpora", sa.JSON, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("abstained", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tokens_in", sa.Integer, nullable=False),
        sa.Column("tokens_out", sa.Integer, nullable=False),
        sa.Column("timings", sa.JSON, nullable=False),
        sa.Column("passages", sa.JSON, nullable=False),
        sa.Column("citations", sa.JSON, nullable=False),
    )
    op.create_index("traces_of_tenant", "traces", ["tenant", "created_at"])


def downgrade() -> None:
    """Back to an empty database."""
    op.drop_table("traces")
    op.drop_table("versions")
