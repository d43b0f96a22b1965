"""Alembic calls this for each command; the connection and its transaction are the caller's."""

from alembic import context

from headrace.store import job_tables, sheet_tables  # noqa: F401 — with them, the metadata has every table
from headrace.store.schema_version import VERSION_TABLE
from headrace.store.trigger_tables import triggers

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=triggers.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
