"""Activities inside of containers, signals, variables, and runs that other runs made."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Every activity that there is stands in its flow's own plan; every run that there is was made by nobody's activity."""
    op.add_column("runs", sa.Column("caller_run_id", word, nullable=True))
    op.add_column("runs", sa.Column("caller_path", word, nullable=True))
    op.add_column("runs", sa.Column("caller_attempt", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("exclusive", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.drop_index("uq_runs_open_of_group", "runs")
    condition = sa.text("status IN ('queued', 'running', 'waiting', 'cancelling') AND kind <> 'replay' AND exclusive")
    op.create_index(
        "uq_runs_open_of_group",
        "runs",
        ["group_id"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
    called = sa.text("caller_run_id IS NOT NULL")
    op.create_index("ix_runs_caller", "runs", ["caller_run_id"], sqlite_where=called, postgresql_where=called)
    op.add_column("activity_runs", sa.Column("parent", word, nullable=False, server_default=""))
    op.add_column("activity_runs", sa.Column("state", sa.Text(), nullable=True))
    op.add_column("activity_runs", sa.Column("wake_at", sa.BigInteger(), nullable=True))
    op.add_column("activity_runs", sa.Column("details", sa.Text(), nullable=False, server_default="{}"))
    op.create_index("ix_activity_runs_parent", "activity_runs", ["run_id", "parent", "position"])
    op.create_index("ix_activity_runs_started", "activity_runs", ["run_id", "started_at", "path", "attempt"])
    op.create_table(
        "signals",
        sa.Column("run_id", word, nullable=False),
        sa.Column("path", word, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("attempt >= 1", name="ck_signals_attempt"),
        sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], name="fk_signals_scope_run_id"),
        sa.PrimaryKeyConstraint("run_id", "path", "attempt", name="pk_signals"),
    )
    op.create_table(
        "variable_values",
        sa.Column("run_id", word, nullable=False),
        sa.Column("name", word, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("holds", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("number >= 0", name="ck_variable_values_number"),
        sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], name="fk_variable_values_scope_run_id"),
        sa.PrimaryKeyConstraint("run_id", "name", "number", name="pk_variable_values"),
    )
