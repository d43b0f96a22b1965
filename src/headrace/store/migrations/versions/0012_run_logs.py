"""What was logged while a run was done."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Runs that are there have no lines."""
    op.create_table(
        "run_logs",
        sa.Column("run_id", word, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("path", word, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("message", word, nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.CheckConstraint("number >= 0", name="ck_run_logs_number"),
        sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], name="fk_run_logs_scope_run_id"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_run_logs"),
        sqlite_with_rowid=False,
    )
