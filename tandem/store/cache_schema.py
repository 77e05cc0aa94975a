"""The tables of the answer cache. A change needs a migration, as one of `schema` does."""

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, Table

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

corpus_states = Table(
    "corpus_states",
    metadata,
    # A random mark, another one after each change of what can be found in the corpus.
    Column("tenant", AnyText, primary_key=True),
    Column("corpus", AnyName(64), primary_key=True),
    Column("state", AnyName(32), nullable=False),
)

cached_answers = Table(
    "cached_answers",
    metadata,
    Column("tenant", AnyText, primary_key=True),
    # Hash of the question and of all that shapes its answer but the documents.
    Column("key", AnyName(64), primary_key=True),
    # The same without the question's words.
    Column("family", AnyName(64), nullable=False),
    # What could be found when it was answered; see `Visible`.
    Column("visible", AnyName(64), nullable=False),
    # The corpora that were searched; empty for all.
    Column("corpora", JSON),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("size", Integer, nullable=False),
    # The question as float32 numbers, where similar ones are looked for.
    Column("vector", LargeBinary),
    Column("answer", AnyText, nullable=False),
)
Index("cached_answers_of_tenant", cached_answers.c.tenant, cached_answers.c.created_at)
Index("cached_answers_of_family", cached_answers.c.tenant, cached_answers.c.family)
