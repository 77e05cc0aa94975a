"""The database."""

from pydantic import Field

from tandem.settings.group import Group


class StoreSettings(Group):
    """Documents, versions and traces."""

    url: str | None = Field(
        None,
        description="SQLAlchemy URL, such as `postgresql+psycopg://...`; without it, SQLite in data_dir.",
    )
    timeout_s: float = Field(
        0.8,
        gt=0,
        description="Longest wait for what an answer reads of a database server; then the answer is status 503.",
    )
