"""An index that holds all that every question asks of versions."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Without it SQLite walks through a document's whole text to the columns that were added behind it."""
    op.create_index(
        "versions_to_answer_from", "versions", ["document_id", "state", "tenant", "version", "expires_at"]
    )


def downgrade() -> None:
    """Nothing is lost."""
    op.drop_index("versions_to_answer_from", "versions")
