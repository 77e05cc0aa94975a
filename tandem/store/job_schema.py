"""The tables of jobs and of the workers that do them."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

workers = Table(
    "workers",
    metadata,
    # Processes that write. One that has not been seen for `LEASE` is dead, and its work is anybody's.
    Column("id", AnyName(36), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("born_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", AnyName(36), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("corpus", AnyName(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("sync", Boolean, nullable=False),
    # The host whose files it reads; any where empty.
    Column("host", String(255)),
    Column("worker", String(36)),
    # Counts the claims; what a worker writes holds only while its own claim is the last one.
    Column("claim", Integer, nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("error", JSON),
    Column("request_key", AnyName(128)),
    # The access groups of whoever asked for it; empty where that one sees everything.
    Column("groups", JSON(none_as_null=True)),
    Column("manifest", JSON, nullable=False),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="known_job_state"),
    UniqueConstraint("tenant", "request_key", name="one_job_for_a_key"),
)
Index("jobs_by_state", jobs.c.state, jobs.c.created_at)
Index("jobs_of_corpus", jobs.c.tenant, jobs.c.corpus, jobs.c.created_at)

job_documents = Table(
    "job_documents",
    metadata,
    Column("job_id", AnyName(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("uri", AnyText, nullable=False),
    # A uri may be too long for a key of the database.
    Column("uri_hash", AnyName(64), nullable=False),
    Column("name", AnyText, nullable=False),
    Column("source", Integer, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("revision", AnyText),
    # Of the file in `contents`, where the job holds it itself.
    Column("content_hash", AnyName(64)),
    Column("tries", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("document_id", AnyName(36)),
    Column("chunks", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("error", JSON),
    Column("locator", JSON, nullable=False),
    UniqueConstraint("job_id", "uri_hash", name="a_document_once_in_a_job"),
    CheckConstraint(
        "state IN ('waiting', 'created', 'replaced', 'unchanged', 'duplicate', 'unpacked', 'removed', "
        "'failed', 'cancelled')",
        name="known_job_document_state",
    ),
)
Index("job_documents_due", job_documents.c.job_id, job_documents.c.state, job_documents.c.place)

contents = Table(
    "contents",
    metadata,
    # Files that were handed in, or unpacked, and wait for their turn in a job.
    Column("job_id", AnyName(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", AnyName(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
