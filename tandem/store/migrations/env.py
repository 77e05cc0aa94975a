"""Run by Alembic: migrates on the connection, and in the transaction, that `migrating` has opened."""

from alembic import context

from tandem.store import (  # noqa: F401 - their tables are wanted
    adapter_schema,
    eval_set_schema,
    experiment_schema,
    job_schema,
    recipe_schema,
    schema,
)
from tandem.store.columns import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can take DDL back; Alembic does not count on it unless told.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
