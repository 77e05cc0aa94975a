"""What the ingestion service keeps: marks, duplicates, collections, jobs, workers, receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """New columns of versions, and new tables."""
    _extend_versions()
    _create_tables_of_documents()
    _create_tables_of_collections()
    _create_tables_of_jobs()


def _extend_versions() -> None:
    with op.batch_alter_table("versions") as table:
        table.add_column(sa.Column("writer", sa.String(36)))
        table.add_column(sa.Column("tags", sa.JSON, nullable=False, server_default="[]"))
        table.add_column(sa.Column("metadata", sa.JSON, nullable=False, server_default="{}"))
        table.add_column(sa.Column("expires_at", sa.DateTime(timezone=True)))
        table.add_column(sa.Column("duplicate_of", sa.String(36)))
        table.add_column(sa.Column("original_version", sa.String(64)))
        table.add_column(sa.Column("text_hash", sa.String(64), nullable=False, server_default=""))
        table.add_column(sa.Column("blocks", sa.JSON, nullable=False, server_default="[]"))
    op.create_index("versions_by_text", "versions", ["tenant", "corpus", "text_hash"])
    op.create_index("versions_by_original", "versions", ["duplicate_of"])
    op.create_index("versions_by_expiry", "versions", ["expires_at"])


def _create_tables_of_documents() -> None:
    op.create_table(
        "bands",
        sa.Column("document_id", sa.String(36), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("band", sa.Integer, primary_key=True),
        sa.Column("value", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id", "version"], ["versions.document_id", "versions.version"], ondelete="CASCADE"
        ),
    )
    op.create_index("bands_by_value", "bands", ["band", "value"])
    op.create_table(
        "corpora",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("corpus", sa.String(64), primary_key=True),
        sa.Column("splitting", sa.JSON, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("corpus", sa.String(64)),
        sa.Column("document_id", sa.String(36)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed", sa.JSON, nullable=False),
    )
    op.create_index("receipts_of_tenant", "receipts", ["tenant", "created_at"])
    op.create_table(
        "trace_documents",
        sa.Column(
            "trace_id", sa.String(64), sa.ForeignKey("traces.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("document_id", sa.String(36), primary_key=True),
    )
    op.create_index("traces_of_document", "trace_documents", ["document_id"])


def _create_tables_of_collections() -> None:
    op.create_table(
        "collections",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("embedding", sa.JSON, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("switched_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('building', 'active', 'retired')", name="known_collection_state"),
    )
    active = sa.text("state = 'active'")
    op.create_index(
        "one_active_collection",
        "collections",
        ["state"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )
    collection = sa.ForeignKey("collections.name", ondelete="CASCADE")
    op.create_table(
        "indexed_versions",
        sa.Column("collection", sa.String(64), collection, primary_key=True),
        sa.Column("document_id", sa.String(36), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "reindexings",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("unfinished", sa.Boolean),
        sa.Column("embedding", sa.JSON),
        sa.Column("worker", sa.String(36)),
        sa.Column("documents", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.JSON),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="known_reindexing_state"),
        sa.UniqueConstraint("unfinished", name="one_reindexing_at_a_time"),
    )


def _create_tables_of_jobs() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("born_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("corpus", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sync", sa.Boolean, nullable=False),
        sa.Column("host", sa.String(255)),
        sa.Column("worker", sa.String(36)),
        sa.Column("claim", sa.Integer, nullable=False),
        sa.Column("cancelling", sa.Boolean, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.JSON),
        sa.Column("request_key", sa.String(128)),
        sa.Column("manifest", sa.JSON, nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="known_job_state"
        ),
        sa.UniqueConstraint("tenant", "request_key", name="one_job_for_a_key"),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "created_at"])
    op.create_index("jobs_of_corpus", "jobs", ["tenant", "corpus", "created_at"])
    job = sa.ForeignKey("jobs.id", ondelete="CASCADE")
    op.create_table(
        "job_documents",
        sa.Column("job_id", sa.String(36), job, primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("uri_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("revision", sa.Text),
        sa.Column("content_hash", sa.String(64)),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("document_id", sa.String(36)),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("locator", sa.JSON, nullable=False),
        sa.UniqueConstraint("job_id", "uri_hash", name="a_document_once_in_a_job"),
        sa.CheckConstraint(
            "state IN ('waiting', 'created', 'replaced', 'unchanged', 'duplicate', 'unpacked', 'removed', "
            "'failed', 'cancelled')",
            name="known_job_document_state",
        ),
    )
    op.create_index("job_documents_due", "job_documents", ["job_id", "state", "place"])
    op.create_table(
        "contents",
        sa.Column("job_id", sa.String(36), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Back to documents and traces. Jobs, marks, links of duplicates, collections and receipts are
    lost."""
    for table in (
        "contents", "job_documents", "jobs", "workers", "trace_documents", "receipts", "corpora", "bands",
        "indexed_versions", "collections", "reindexings",
    ):  # fmt: skip
        op.drop_table(table)
    for index in ("versions_by_text", "versions_by_original", "versions_by_expiry"):
        op.drop_index(index, "versions")
    with op.batch_alter_table("versions") as versions:
        for column in (
            "writer", "tags", "metadata", "expires_at", "duplicate_of", "original_version", "text_hash",
            "blocks",
        ):  # fmt: skip
            versions.drop_column(column)
