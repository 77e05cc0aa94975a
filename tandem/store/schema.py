"""The tables of documents and answers. A change needs a migration in `migrations/versions`; a test compares."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

PENDING, CURRENT, SUPERSEDED = "pending", "current", "superseded"
BUILDING, ACTIVE, RETIRED = "building", "active", "retired"

versions = Table(
    "versions",
    metadata,
    Column("document_id", AnyName(36), primary_key=True),
    Column("version", AnyName(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("tenant", AnyText, nullable=False),
    Column("corpus", AnyName(64), nullable=False),
    Column("uri", AnyText, nullable=False),
    Column("title", AnyText, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("content_hash", AnyName(64), nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("size_chars", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Who writes it: a pending version of a worker that lives is nobody else's to sweep.
    Column("writer", String(36)),
    Column("tags", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("expires_at", UtcDateTime),
    # The document that holds the same text and is searched in its place.
    Column("duplicate_of", AnyName(36)),
    Column("original_version", AnyName(64)),
    # Of the text without its white space and case, together with the marks: equal where nothing differs.
    Column("text_hash", String(64), nullable=False),
    # Large columns last: SQLite reads a row from its front and need not touch them for a list.
    Column("pages", JSON, nullable=False),
    Column("headings", JSON, nullable=False),
    Column("blocks", JSON, nullable=False),
    Column("text", AnyText, nullable=False),
    CheckConstraint("state IN ('pending', 'current', 'superseded')", name="known_state"),
)

# The version switch in the database's own words: never two current versions of a document.
Index(
    "one_current_version",
    versions.c.document_id,
    unique=True,
    sqlite_where=versions.c.state == CURRENT,
    postgresql_where=versions.c.state == CURRENT,
)
Index("versions_of_corpus", versions.c.tenant, versions.c.corpus, versions.c.state)
# All that every question asks, so that SQLite need not walk through a document's text for it.
Index(
    "versions_to_answer_from",
    versions.c.document_id,
    versions.c.state,
    versions.c.tenant,
    versions.c.version,
    versions.c.expires_at,
)
Index("versions_by_state", versions.c.state)
Index("versions_by_text", versions.c.tenant, versions.c.corpus, versions.c.text_hash)
Index("versions_by_original", versions.c.duplicate_of)
Index("versions_by_expiry", versions.c.expires_at)

bands = Table(
    "bands",
    metadata,
    # One band of a document's MinHash: documents that share one may be near duplicates.
    Column("document_id", AnyName(36), primary_key=True),
    Column("version", AnyName(64), primary_key=True),
    Column("band", Integer, primary_key=True),
    Column("value", String(32), nullable=False),
    ForeignKeyConstraint(
        ["document_id", "version"], ["versions.document_id", "versions.version"], ondelete="CASCADE"
    ),
)
Index("bands_by_value", bands.c.band, bands.c.value)

revisions = Table(
    "revisions",
    metadata,
    # The source's own sign of the state that a version was read from, by which it need not be sent again.
    Column("document_id", AnyName(36), primary_key=True),
    Column("version", AnyName(64), primary_key=True),
    Column("revision", AnyText, nullable=False),
    # Of all settings that decide what is made of the content: under others it must be read again.
    Column("reading", String(64), nullable=False),
    ForeignKeyConstraint(
        ["document_id", "version"], ["versions.document_id", "versions.version"], ondelete="CASCADE"
    ),
)

removals = Table(
    "removals",
    metadata,
    # Corpora, or whole tenants, that a worker is just removing: nothing is begun there until it has ended.
    Column("id", AnyName(36), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("corpus", AnyName(64)),
    Column("worker", AnyName(36), nullable=False),
)
Index("removals_of_tenant", removals.c.tenant)

corpora = Table(
    "corpora",
    metadata,
    # What a corpus is set to; one that was never set has no row.
    Column("tenant", AnyText, primary_key=True),
    Column("corpus", AnyName(64), primary_key=True),
    Column("splitting", JSON, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    # Collections of the index, each with the embedder that its vectors are of. The active one answers.
    Column("name", AnyName(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("embedding", JSON, nullable=False),
    Column("fingerprint", AnyName(64), nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("switched_at", UtcDateTime),
    CheckConstraint("state IN ('building', 'active', 'retired')", name="known_collection_state"),
)
Index(
    "one_active_collection",
    collections.c.state,
    unique=True,
    sqlite_where=collections.c.state == ACTIVE,
    postgresql_where=collections.c.state == ACTIVE,
)

indexed_versions = Table(
    "indexed_versions",
    metadata,
    # What a collection that does not answer holds chunks of; of the active one, `versions` itself says it.
    Column("collection", AnyName(64), ForeignKey("collections.name", ondelete="CASCADE"), primary_key=True),
    Column("document_id", AnyName(36), primary_key=True),
    Column("version", AnyName(64), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    # Whether all of its chunks are there; written before the first of them, so that none is forgotten.
    Column("whole", Boolean, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("expires_at", UtcDateTime),
)

reindexings = Table(
    "reindexings",
    metadata,
    Column("id", AnyName(36), primary_key=True),
    Column("state", String(16), nullable=False),
    # True until it has ended, then empty: there is one at a time.
    Column("unfinished", Boolean),
    # The embedder that is wanted; empty to go back to the collection before.
    Column("embedding", JSON),
    Column("worker", AnyName(36)),
    Column("documents", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("error", JSON),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="known_reindexing_state"),
    UniqueConstraint("unfinished", name="one_reindexing_at_a_time"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", AnyName(36), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("corpus", AnyName(64)),
    Column("document_id", AnyName(36)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("removed", JSON, nullable=False),
)
Index("receipts_of_tenant", receipts.c.tenant, receipts.c.created_at)

traces = Table(
    "traces",
    metadata,
    Column("id", AnyName(64), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("recipe", AnyText, nullable=False),
    Column("prompt_version", AnyText, nullable=False),
    Column("question", AnyText, nullable=False),
    Column("corpora", JSON, nullable=False),
    Column("answer", AnyText, nullable=False),
    Column("abstained", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("timings", JSON, nullable=False),
    Column("passages", JSON, nullable=False),
    Column("citations", JSON, nullable=False),
    Column("evidence", Float),
    # Empty in traces of before these were kept.
    Column("experiment", AnyName(64)),
    Column("arm", AnyName(64)),
    Column("unit", AnyName(64)),
    Column("conversation", AnyName(64)),
    Column("degraded", Boolean),
    Column("distance", Float),
    Column("outside", Boolean),
    Column("shadow", Boolean),
    # False for one that sampling leaves out, unless somebody votes on it.
    Column("sampled", Boolean),
)
Index("traces_of_tenant", traces.c.tenant, traces.c.created_at)
Index("traces_by_age", traces.c.created_at)

trace_documents = Table(
    "trace_documents",
    metadata,
    # Whose passages a trace holds, so that they can go with their document.
    Column("trace_id", AnyName(64), ForeignKey("traces.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", AnyName(36), primary_key=True),
)
Index("traces_of_document", trace_documents.c.document_id)
