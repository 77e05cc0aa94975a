"""One table for all that one server does for all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """When alerts were last looked at moves to the other turns; who is at a look at drift begins anew."""
    op.execute("INSERT INTO turns (name, taken_at) SELECT name, at FROM looks")
    op.drop_table("looks")
    with op.batch_alter_table("drift_references") as references:
        references.drop_column("claimed_until")


def downgrade() -> None:
    """When alerts were last looked at is lost: the next look comes at once."""
    op.create_table(
        "looks",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("drift_references", sa.Column("claimed_until", sa.DateTime(timezone=True)))
