"""The figures of every answer, what a trace says of its experiment, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_REFUSED = "the audit log is only added to"
_TRACE_COLUMNS = (
    ("experiment", sa.String(64)),
    ("arm", sa.String(64)),
    ("unit", sa.String(64)),
    ("conversation", sa.String(64)),
    ("degraded", sa.Boolean),
    ("distance", sa.Float),
    ("outside", sa.Boolean),
    ("shadow", sa.Boolean),
)


def upgrade() -> None:
    """New tables, and new columns of traces, which are empty for those that are there."""
    for name, kind in _TRACE_COLUMNS:
        op.add_column("traces", sa.Column(name, kind))
    op.create_table(
        "observations",
        sa.Column("trace_id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("experiment", sa.String(64)),
        sa.Column("arm", sa.String(64)),
        sa.Column("unit", sa.String(64)),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("error", sa.String(64)),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("similarity", sa.Float),
        sa.Column("evidence", sa.Float),
        sa.Column("first_token_ms", sa.Float),
        sa.Column("total_ms", sa.Float, nullable=False),
        sa.Column("tokens_in", sa.Integer, nullable=False),
        sa.Column("tokens_out", sa.Integer, nullable=False),
        sa.Column("answer_chars", sa.Integer, nullable=False),
        sa.Column("citations", sa.Integer, nullable=False),
        sa.Column("cited", sa.Float),
        sa.Column("distance", sa.Float),
        sa.Column("outside", sa.Boolean, nullable=False),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.Column("shadow", sa.Boolean, nullable=False),
        sa.Column("quality", sa.Float),
        sa.CheckConstraint(
            "outcome IN ('answered', 'abstained', 'degraded', 'failed')", name="known_outcome"
        ),
    )
    op.create_index("observations_of_tenant", "observations", ["tenant", "at"])
    op.create_index("observations_by_age", "observations", ["at"])
    op.create_index("observations_of_recipe", "observations", ["recipe", "at"])
    op.create_index("observations_of_experiment", "observations", ["experiment", "at"])
    op.create_table(
        "audit_log",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("audit_of_tenant", "audit_log", ["tenant", "number"])
    _only_added_to()


def downgrade() -> None:
    """Observations and the audit log are lost."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_log_only_added_to ON audit_log")
        op.execute("DROP FUNCTION tandem_audit_refuses()")
    op.drop_table("audit_log")
    op.drop_table("observations")
    with op.batch_alter_table("traces") as traces:
        for name, _ in reversed(_TRACE_COLUMNS):
            traces.drop_column(name)


def _only_added_to() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION tandem_audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_log_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION tandem_audit_refuses()"
        )
        return
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_log_refuses_{event.lower()} BEFORE {event} ON audit_log "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )
