"""Access groups of documents, and those of whoever asked for an ingestion."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """A new table, and new columns that are empty for what is there: it stays everybody's of its tenant."""
    op.create_table(
        "document_groups",
        sa.Column("document_id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("corpus", sa.String(64), nullable=False),
    )
    op.create_index("document_groups_of_corpus", "document_groups", ["tenant", "corpus"])
    op.add_column("versions", sa.Column("groups", sa.JSON(none_as_null=True)))
    op.add_column("jobs", sa.Column("groups", sa.JSON(none_as_null=True)))


def downgrade() -> None:
    """Refused while a document has groups: what only some may see must not become everybody's unasked."""
    restricted = op.get_bind().execute(sa.text("SELECT COUNT(*) FROM document_groups")).scalar()
    if restricted:
        raise RuntimeError(
            f"{restricted} access groups of documents would be lost; share these documents with everyone, "
            "or remove them, first"
        )
    op.drop_column("jobs", "groups")
    op.drop_column("versions", "groups")
    op.drop_table("document_groups")
