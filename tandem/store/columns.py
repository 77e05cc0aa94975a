"""The types of columns that databases do not agree on."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, MetaData, String, Text
from sqlalchemy.types import TypeDecorator

metadata = MetaData()
"""All tables: those of `schema` and of `job_schema`."""


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
