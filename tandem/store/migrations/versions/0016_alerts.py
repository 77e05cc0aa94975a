"""Alerts, interventions, and the quality that is sampled."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_STATES = "'proposed', 'due', 'acting', 'done', 'failed', 'withheld', 'rejected', 'undone'"
_TABLES = (
    "quality_spending",
    "quality_judgings",
    "looks",
    "retraining_requests",
    "serving_flags",
    "interventions",
    "alert_deliveries",
    "alert_silences",
    "alerts",
    "alert_rules",
)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """New tables; nothing that was there changes."""
    _alerts()
    _interventions()
    scored = sa.text("quality IS NOT NULL")
    op.create_index(
        "observations_scored", "observations", ["recipe", "at"], sqlite_where=scored, postgresql_where=scored
    )
    op.create_table("looks", sa.Column("name", sa.String(64), primary_key=True), _moment("at"))
    op.create_table(
        "quality_judgings",
        sa.Column("trace_id", sa.String(64), primary_key=True),
        _moment("claimed_at"),
        _moment("ended_at", nullable=True),
        sa.Column("measure", sa.String(64), nullable=False),
        sa.Column("quality", sa.Float),
        sa.Column("proven", sa.Boolean, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
    )
    op.create_table(
        "quality_spending",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Alerts, interventions and what was sampled are lost; the scores stay with their observations."""
    op.drop_index("observations_scored", "observations")
    for name in _TABLES:
        op.drop_table(name)


def _alerts() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        _moment("changed_at"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("metric", sa.String(32), nullable=False),
        _moment("since"),
        _moment("seen_at"),
        _moment("fired_at", nullable=True),
        _moment("resolved_at", nullable=True),
        sa.Column("value", sa.Float),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
        sa.Column("answers", sa.Integer, nullable=False),
        sa.Column("limit", sa.Float),
        sa.Column("before", sa.Float),
        sa.Column("before_answers", sa.Integer, nullable=False),
        sa.Column("proven", sa.Boolean, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
        _moment("resent_at", nullable=True),
        sa.CheckConstraint("state IN ('pending', 'firing', 'resolved')", name="known_alert_state"),
    )
    op.create_index("alerts_of_rule", "alerts", ["rule", "subject", "since"])
    op.create_index("alerts_by_state", "alerts", ["state", "since"])
    still = sa.text("state <> 'resolved'")
    op.create_index(
        "one_open_alert",
        "alerts",
        ["rule", "subject"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )
    op.create_table(
        "alert_silences",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("rule", sa.String(64), nullable=False),
        _moment("until"),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        _moment("made_at"),
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        _moment("made_at"),
        sa.Column("tries", sa.Integer, nullable=False),
        _moment("next_at", nullable=True),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("deliveries_due", "alert_deliveries", ["next_at"])


def _interventions() -> None:
    op.create_table(
        "interventions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("cause", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("alert", sa.String(32), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("target", sa.JSON, nullable=False),
        _moment("made_at"),
        _moment("claimed_at", nullable=True),
        _moment("done_at", nullable=True),
        sa.Column("decided_by", sa.String(128)),
        _moment("decided_at", nullable=True),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.CheckConstraint(f"state IN ({_STATES})", name="known_intervention_state"),
    )
    op.create_index("one_intervention_of_a_cause", "interventions", ["kind", "cause"], unique=True)
    op.create_index("interventions_by_age", "interventions", ["made_at"])
    op.create_table(
        "serving_flags",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("on", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        _moment("changed_at"),
    )
    op.create_table(
        "retraining_requests",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("adapter", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        _moment("made_at"),
        sa.Column("state", sa.String(16), nullable=False),
        _moment("ended_at", nullable=True),
        sa.CheckConstraint("state IN ('open', 'met', 'withdrawn')", name="known_request_state"),
    )
