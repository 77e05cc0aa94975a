"""Prompts, recipes and the champion as versions."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """New tables; nothing that was there changes."""
    op.create_table(
        "prompt_versions",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("prompt_versions_by_hash", "prompt_versions", ["name", "hash"])
    op.create_table(
        "prompt_tags",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("tag", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["name", "number"], ["prompt_versions.name", "prompt_versions.number"]),
    )
    op.create_table(
        "recipe_versions",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("prompt_name", sa.String(64), nullable=False),
        sa.Column("prompt_hash", sa.String(64), nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.UniqueConstraint("name", "number", name="one_recipe_version_of_a_number"),
    )
    op.create_table(
        "champion_changes",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("recipe", sa.String(64), nullable=False),
        sa.Column("version", sa.String(64)),
        sa.Column("undoes_to", sa.Integer),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Saved prompts and recipes are lost, and the champion is that of the settings."""
    for table in ("champion_changes", "recipe_versions", "prompt_tags", "prompt_versions"):
        op.drop_table(table)
