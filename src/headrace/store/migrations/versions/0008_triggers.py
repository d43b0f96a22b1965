"""Triggers, and what they have done."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = "status IN ('waiting', 'blocked', 'running')"


def upgrade() -> None:
    """Triggers that there are get their row when they are started."""
    op.create_table(
        "triggers",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("key", word, nullable=False),
        sa.Column("name", word, nullable=False),
        sa.Column("type", word, nullable=False),
        sa.Column("kind", word, nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("state", word, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_until", sa.BigInteger(), nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('started', 'stopped')", name="ck_triggers_state_known"),
        sa.CheckConstraint("revision >= 1", name="ck_triggers_revision"),
        sa.PrimaryKeyConstraint("id", name="pk_triggers"),
        sa.UniqueConstraint("scope", "key", name="uq_triggers_scope_key"),
    )
    op.create_table(
        "trigger_runs",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("trigger_id", word, nullable=False),
        sa.Column("trigger_key", word, nullable=False),
        sa.Column("trigger_name", word, nullable=False),
        sa.Column("trigger_type", word, nullable=False),
        sa.Column("key", word, nullable=False),
        sa.Column("status", word, nullable=False),
        sa.Column("message", word, nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("pipelines", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=True),
        sa.Column("window_end", sa.BigInteger(), nullable=True),
        sa.Column("run_id", word, nullable=True),
        sa.Column("given", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("try_at", sa.BigInteger(), nullable=True),
        sa.Column("waits_since", sa.BigInteger(), nullable=True),
        sa.Column("dependencies", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'blocked', 'running', 'succeeded', 'failed', 'cancelled')",
            name="ck_trigger_runs_status_known",
        ),
        sa.CheckConstraint(f"({OPEN}) = (ended_at IS NULL)", name="ck_trigger_runs_ended"),
        sa.CheckConstraint("status <> 'running' OR run_id IS NOT NULL", name="ck_trigger_runs_running"),
        sa.CheckConstraint("(window_start IS NULL) = (window_end IS NULL)", name="ck_trigger_runs_window"),
        sa.CheckConstraint("attempt >= 0", name="ck_trigger_runs_attempt"),
        sa.PrimaryKeyConstraint("id", name="pk_trigger_runs"),
        sa.UniqueConstraint("scope", "trigger_id", "key", name="uq_trigger_runs_scope_trigger_id_key"),
    )
    op.create_index("ix_trigger_runs_scope_created", "trigger_runs", ["scope", "created_at", "id"])
    op.create_index(
        "ix_trigger_runs_scope_trigger_created", "trigger_runs", ["scope", "trigger_key", "created_at", "id"]
    )
    op.create_index("ix_trigger_runs_scope_status_created", "trigger_runs", ["scope", "status", "created_at", "id"])
    _partial("ix_triggers_next", "triggers", ["next_at", "id"], "state = 'started' AND next_at IS NOT NULL")
    _partial("ix_triggers_started", "triggers", ["kind", "id"], "state = 'started'")
    _partial("ix_trigger_runs_open", "trigger_runs", ["trigger_id", "window_start"], OPEN)
    _partial("ix_trigger_runs_running", "trigger_runs", ["run_id"], "status = 'running'")
    _partial(
        "ix_trigger_runs_windows", "trigger_runs", ["trigger_id", "window_start", "status"], "window_start IS NOT NULL"
    )
    _partial("ix_trigger_runs_ended", "trigger_runs", ["ended_at", "id"], "ended_at IS NOT NULL")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
