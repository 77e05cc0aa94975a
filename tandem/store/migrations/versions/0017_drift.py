"""Vectors of questions, drift and its reports, thresholds for questions from outside, and where a trace was routed."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """New tables, and a new column of traces, which is empty for those that are there."""
    op.add_column("traces", sa.Column("routed_from", sa.Text))
    op.create_table(
        "question_vectors",
        sa.Column("trace_id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("embedder", sa.String(64), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_index("question_vectors_of_tenant", "question_vectors", ["tenant", "at"])
    op.create_index("question_vectors_by_age", "question_vectors", ["at"])
    op.create_table(
        "drift_references",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("complete_at", sa.DateTime(timezone=True)),
        sa.Column("answers", sa.Integer, nullable=False),
        sa.Column("embedder", sa.String(64), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True)),
        sa.Column("start_trace", sa.String(64), nullable=False),
        sa.Column("place_at", sa.DateTime(timezone=True)),
        sa.Column("place_trace", sa.String(64), nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("series", sa.JSON, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
    )
    _create_reports()
    op.create_table(
        "outside_calibrations",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("embedder", sa.String(64), nullable=False),
        sa.Column("false_alarms", sa.Float, nullable=False),
        sa.Column("questions", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("known", sa.LargeBinary, nullable=False),
        sa.Column("distances", sa.JSON, nullable=False),
    )


def _create_reports() -> None:
    op.create_table(
        "drift_reports",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("series", sa.String(32), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("statistic", sa.Float, nullable=False),
        sa.Column("p_value", sa.Float, nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("alarm", sa.Boolean, nullable=False),
        sa.Column("before", sa.Float),
        sa.Column("now", sa.Float),
        sa.Column("reference_size", sa.Integer, nullable=False),
        sa.Column("window_size", sa.Integer, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("examples", sa.JSON, nullable=False),
    )
    op.create_index("drift_reports_of_tenant", "drift_reports", ["tenant", "at"])
    op.create_index("drift_reports_by_age", "drift_reports", ["at"])


def downgrade() -> None:
    """Vectors, references, reports and thresholds are lost."""
    for table in ("outside_calibrations", "drift_reports", "drift_references", "question_vectors"):
        op.drop_table(table)
    with op.batch_alter_table("traces") as traces:
        traces.drop_column("routed_from")
