"""Clients that are services; rejected rows by all their codes; runs by the time at which they started."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every client that there is was made for a user; of batches that there are, only the counts by code and column are known."""
    op.add_column("clients", sa.Column("service", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("batches", sa.Column("code_sets", sa.Text(), nullable=False, server_default="[]"))
    op.drop_index("ix_runs_scope_created", "runs")
    op.create_index("ix_runs_scope_created", "runs", ["scope", "created_at", "id", "started_at", "ended_at"])
    # Of two indexes that cost the same SQLite takes the newer one: made anew, the narrow index of runs with rejects is found again.
    op.drop_index("ix_runs_scope_rejected", "runs")
    op.create_index(
        "ix_runs_scope_rejected",
        "runs",
        ["scope", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("rows_rejected > 0"),
        postgresql_where=sa.text("rows_rejected > 0"),
    )
