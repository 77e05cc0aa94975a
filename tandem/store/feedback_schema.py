"""The tables of feedback, of what all servers keep secret together, and of whose turn a chore is."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

feedback = Table(
    "feedback",
    metadata,
    Column("id", AnyName(36), primary_key=True),
    # No foreign key: a vote outlives the trace that it is about, as an observation does.
    Column("trace_id", AnyName(64), nullable=False),
    Column("tenant", AnyText, nullable=False),
    # A keyed hash of the user, or of the key that stands for all of its users.
    Column("voter", AnyName(64), nullable=False),
    Column("recipe", AnyText, nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("rating", Integer),
    Column("state", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # When the vote that counts was cast.
    Column("at", UtcDateTime, nullable=False),
    Column("reviewer", AnyText),
    Column("reviewed_at", UtcDateTime),
    # The user's words. They go with the trace, and with the documents that it drew on.
    Column("tags", JSON, nullable=False),
    Column("comment", AnyText, nullable=False),
    Column("correction", AnyText, nullable=False),
    UniqueConstraint("trace_id", "voter", name="one_vote_a_user"),
    CheckConstraint("verdict IN ('up', 'down', 'neither')", name="known_verdict"),
    CheckConstraint("state IN ('new', 'accepted', 'rejected')", name="known_feedback_state"),
    CheckConstraint("rating IS NULL OR rating BETWEEN 1 AND 5", name="rating_of_five"),
)
Index("feedback_of_tenant", feedback.c.tenant, feedback.c.at)
Index("feedback_of_recipe", feedback.c.recipe, feedback.c.at)
Index("feedback_by_age", feedback.c.at)

shared_secrets = Table(
    "shared_secrets",
    metadata,
    # Drawn once, by whichever server needs it first; the same for all of them.
    Column("name", AnyName(64), primary_key=True),
    Column("value", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
