"""Versions of eval sets that were removed, and stay for the runs that asked them."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """None is removed yet."""
    op.add_column("eval_set_versions", sa.Column("removed_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Those whose cases are gone are lost; the other removed ones are there again."""
    op.execute("DELETE FROM eval_set_versions WHERE cases = ''")
    with op.batch_alter_table("eval_set_versions") as versions:
        versions.drop_column("removed_at")
