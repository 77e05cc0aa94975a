"""An index that holds all that a tenant's usage is counted from."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Without it each document that comes would have all documents of its tenant read."""
    op.create_index("versions_by_usage", "versions", ["tenant", "state", "chunks", "size_chars"])


def downgrade() -> None:
    """Nothing is lost."""
    op.drop_index("versions_by_usage", "versions")
