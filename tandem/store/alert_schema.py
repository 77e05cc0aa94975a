"""The tables of alerts, of what is done about them, and of the quality that is sampled."""

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, Float, Index, Integer, String, Table, text

from tandem.store.columns import AnyName, AnyText, UtcDateTime, metadata

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("name", AnyName(64), primary_key=True),
    Column("definition", JSON, nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", AnyName(32), primary_key=True),
    Column("rule", AnyName(64), nullable=False),
    Column("subject", AnyName(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("metric", String(32), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("fired_at", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    Column("value", Float),
    Column("low", Float),
    Column("high", Float),
    Column("answers", Integer, nullable=False),
    Column("limit", Float),
    Column("before", Float),
    Column("before_answers", Integer, nullable=False),
    Column("proven", Boolean, nullable=False),
    Column("note", AnyText, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("resent_at", UtcDateTime),
    CheckConstraint("state IN ('pending', 'firing', 'resolved')", name="known_alert_state"),
)
Index("alerts_of_rule", alerts.c.rule, alerts.c.subject, alerts.c.since)
Index("alerts_by_state", alerts.c.state, alerts.c.since)
# However many servers look at once.
Index(
    "one_open_alert",
    alerts.c.rule,
    alerts.c.subject,
    unique=True,
    sqlite_where=text("state <> 'resolved'"),
    postgresql_where=text("state <> 'resolved'"),
)

alert_silences = Table(
    "alert_silences",
    metadata,
    Column("id", AnyName(32), primary_key=True),
    Column("rule", AnyName(64), nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("id", AnyName(32), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("tries", Integer, nullable=False),
    # When it is due; while one server sends it, when another may take it over.
    Column("next_at", UtcDateTime),
    Column("error", AnyText, nullable=False),
)
Index("deliveries_due", alert_deliveries.c.next_at)

interventions = Table(
    "interventions",
    metadata,
    Column("id", AnyName(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    # What it is against, such as `champion change 7`: there is one intervention of a kind for a cause.
    Column("cause", AnyName(200), nullable=False),
    # Whom it concerns, such as a recipe's label.
    Column("subject", AnyName(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("alert", AnyName(32), nullable=False),
    Column("rule", AnyName(64), nullable=False),
    Column("figures", JSON, nullable=False),
    Column("target", JSON, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("claimed_at", UtcDateTime),
    Column("done_at", UtcDateTime),
    Column("decided_by", AnyName(128)),
    Column("decided_at", UtcDateTime),
    Column("result", JSON, nullable=False),
    Column("note", AnyText, nullable=False),
    CheckConstraint(
        "state IN ('proposed', 'due', 'acting', 'done', 'failed', 'withheld', 'rejected', 'undone')",
        name="known_intervention_state",
    ),
)
Index("one_intervention_of_a_cause", interventions.c.kind, interventions.c.cause, unique=True)
Index("interventions_by_age", interventions.c.made_at)

serving_flags = Table(
    "serving_flags",
    metadata,
    Column("name", AnyName(32), primary_key=True),
    Column("on", Boolean, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

retraining_requests = Table(
    "retraining_requests",
    metadata,
    Column("id", AnyName(32), primary_key=True),
    # The adapter's name; empty for whichever there is.
    Column("adapter", AnyName(64), nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("author", AnyName(128), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended_at", UtcDateTime),
    CheckConstraint("state IN ('open', 'met', 'withdrawn')", name="known_request_state"),
)

quality_judgings = Table(
    "quality_judgings",
    metadata,
    Column("trace_id", AnyName(64), primary_key=True),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("measure", AnyName(64), nullable=False),
    Column("quality", Float),
    # Whether whoever gave the score is above its floor.
    Column("proven", Boolean, nullable=False),
    Column("failure", AnyText, nullable=False),
)

quality_spending = Table(
    "quality_spending",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
)
