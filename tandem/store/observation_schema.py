"""The table of observations: the figures of every answer, without its words."""

from sqlalchemy import Boolean, CheckConstraint, Column, Float, Index, Integer, String, Table

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

OUTCOMES = ("answered", "abstained", "degraded", "failed")

observations = Table(
    "observations",
    metadata,
    # That of the trace, which may have been left out by sampling or have gone by age.
    Column("trace_id", AnyName(64), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("recipe", AnyText, nullable=False),
    Column("experiment", AnyName(64)),
    Column("arm", AnyName(64)),
    Column("unit", AnyName(64)),
    Column("outcome", String(16), nullable=False),
    Column("error", AnyName(64)),
    Column("passages", Integer, nullable=False),
    Column("similarity", Float),
    Column("evidence", Float),
    Column("first_token_ms", Float),
    Column("total_ms", Float, nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("answer_chars", Integer, nullable=False),
    Column("citations", Integer, nullable=False),
    Column("cited", Float),
    Column("distance", Float),
    Column("outside", Boolean, nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("quality", Float),
    CheckConstraint("outcome IN ('answered', 'abstained', 'degraded', 'failed')", name="known_outcome"),
)
Index("observations_of_tenant", observations.c.tenant, observations.c.at)
Index("observations_by_age", observations.c.at)
Index("observations_of_recipe", observations.c.recipe, observations.c.at)
Index("observations_of_experiment", observations.c.experiment, observations.c.at)
# Few are scored, and a look at all of a day's answers for them would take long.
Index(
    "observations_scored",
    observations.c.recipe,
    observations.c.at,
    sqlite_where=observations.c.quality.is_not(None),
    postgresql_where=observations.c.quality.is_not(None),
)
