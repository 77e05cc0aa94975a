"""The tables. A change here needs a migration in `migrations/versions`; a test compares the two."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

PENDING, CURRENT, SUPERSEDED = "pending", "current", "superseded"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, in and out with its zone. SQLite keeps none, so what comes back is read as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses a moment without a zone: it could mean any."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment in the store needs a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyName(TypeDecorator[str]):
    """A name from anywhere. What no database takes becomes U+FFFD, so such a name is just not found."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replaces NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot say."""
        if value is None:
            return None
        clean = value.replace("\x00", "\ufffd")
        try:
            clean.encode()
        except UnicodeEncodeError:
            return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in clean)
        return clean


class AnyText(AnyName):
    """Text from anywhere, of any length. One character becomes one, so that places still hold."""

    impl = Text
    cache_ok = True


metadata = MetaData()

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
    Column("content_hash", String(64), nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("size_chars", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Large columns last: SQLite reads a row from its front and need not touch them for a list.
    Column("pages", JSON, nullable=False),
    Column("headings", JSON, nullable=False),
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
Index("versions_by_state", versions.c.state)

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
)
Index("traces_of_tenant", traces.c.tenant, traces.c.created_at)
