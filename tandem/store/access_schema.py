"""The table of access groups. A change needs a migration, as one of `schema` does."""

from sqlalchemy import Column, Index, Table

from tandem.store.columns import AnyName, AnyText, metadata

document_groups = Table(
    "document_groups",
    metadata,
    # Who may see a document: callers of one of its groups; a document without a row is everybody's.
    # They are the document's, not a version's, and go with the last of its versions.
    Column("document_id", AnyName(36), primary_key=True),
    Column("name", AnyName(200), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("corpus", AnyName(64), nullable=False),
)
Index("document_groups_of_corpus", document_groups.c.tenant, document_groups.c.corpus)
