"""Alembic's scripts; `tandem.store.migrating` runs them."""
