"""What lists of the console are found by: batches with rejects, and deliveries that were given up."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_REJECTED = sa.text("rows_rejected > 0")
_GIVEN_UP = sa.text("status = 'given_up'")


def upgrade() -> None:
    """Nothing is changed but how fast it is found."""
    for name, table, columns, where in (
        ("ix_batches_rejected", "batches", ["created_at", "id"], _REJECTED),
        ("ix_batches_scope_rejected", "batches", ["scope", "created_at", "id"], _REJECTED),
        ("ix_webhook_deliveries_given_up", "webhook_deliveries", ["webhook_id", "updated_at"], _GIVEN_UP),
    ):
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
