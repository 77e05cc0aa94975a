"""Tables of drift: vectors of questions, references, reports, and thresholds for questions from outside."""

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, LargeBinary, String, Table

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

question_vectors = Table(
    "question_vectors",
    metadata,
    Column("trace_id", AnyName(64), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("embedder", AnyName(64), nullable=False),
    Column("vector", LargeBinary, nullable=False),
)
Index("question_vectors_of_tenant", question_vectors.c.tenant, question_vectors.c.at)
Index("question_vectors_by_age", question_vectors.c.at)

drift_references = Table(
    "drift_references",
    metadata,
    # Empty for the answers of all tenants together.
    Column("tenant", AnyText, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),
    Column("wanted", Integer, nullable=False),
    Column("source", AnyText, nullable=False),
    Column("author", AnyText, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("complete_at", UtcDateTime),
    Column("answers", Integer, nullable=False),
    Column("embedder", AnyName(64), nullable=False),
    Column("start_at", UtcDateTime),
    Column("start_trace", AnyName(64), nullable=False),
    Column("place_at", UtcDateTime),
    Column("place_trace", AnyName(64), nullable=False),
    Column("looks", Integer, nullable=False),
    Column("series", JSON, nullable=False),
    Column("vectors", LargeBinary, nullable=False),
)

drift_reports = Table(
    "drift_reports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("tenant", AnyText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("series", String(32), nullable=False),
    Column("method", String(64), nullable=False),
    Column("statistic", Float, nullable=False),
    Column("p_value", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("alarm", Boolean, nullable=False),
    Column("before", Float),
    Column("now", Float),
    Column("reference_size", Integer, nullable=False),
    Column("window_size", Integer, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("examples", JSON, nullable=False),
)
Index("drift_reports_of_tenant", drift_reports.c.tenant, drift_reports.c.at)
Index("drift_reports_by_age", drift_reports.c.at)

outside_calibrations = Table(
    "outside_calibrations",
    metadata,
    Column("tenant", AnyText, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("embedder", AnyName(64), nullable=False),
    Column("false_alarms", Float, nullable=False),
    Column("questions", Integer, nullable=False),
    Column("source", AnyText, nullable=False),
    Column("author", AnyText, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("known", LargeBinary, nullable=False),
    Column("distances", JSON, nullable=False),
)
