"""The table of keys. Of a key's secret it has the hash alone; a revoked key stays, so that its id is never another's."""

from sqlalchemy import JSON, Column, Index, Integer, Table

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", AnyName(32), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("scopes", JSON, nullable=False),
    # Access groups; no list at all sees every document of the tenant.
    Column("groups", JSON(none_as_null=True)),
    Column("hash", AnyName(64), nullable=False),
    # The secret before a rotation, and until when it holds beside the new one.
    Column("old_hash", AnyName(64)),
    Column("old_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", AnyText, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("rotated_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used", UtcDateTime),
    # Rises with every change but that of `last_used`: servers ask for what is above the last that they know.
    Column("changed", Integer, nullable=False),
)
Index("keys_by_change", api_keys.c.changed, unique=True)
Index("keys_of_tenant", api_keys.c.tenant, api_keys.c.created_at)
