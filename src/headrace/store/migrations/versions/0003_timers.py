"""Schedules, and webhooks with what is to be delivered to them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _schedules()
    _webhooks()
    _webhook_deliveries()


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("scope", word, nullable=False),
        sa.Column("flow_id", word, nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("state", word, nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("window", sa.Text(), nullable=True),
        sa.Column("run_id", word, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('enabled', 'paused')", name="ck_schedules_state_known"),
        sa.CheckConstraint("revision >= 1", name="ck_schedules_revision"),
        sa.PrimaryKeyConstraint("scope", "flow_id", name="pk_schedules"),
    )
    due = sa.text("state = 'enabled' AND next_at IS NOT NULL")
    op.create_index("ix_schedules_next", "schedules", ["next_at"], sqlite_where=due, postgresql_where=due)


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("address", word, nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("flow_ids", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.UniqueConstraint("scope", "id", name="uq_webhooks_scope_id"),
    )


def _webhook_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("webhook_id", word, nullable=False),
        sa.Column("run_id", word, nullable=False),
        sa.Column("event", word, nullable=False),
        sa.Column("status", word, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'given_up')", name="ck_webhook_deliveries_status_known"),
        sa.CheckConstraint("(status = 'pending') = (next_at IS NOT NULL)", name="ck_webhook_deliveries_pending"),
        sa.CheckConstraint("attempts >= 0", name="ck_webhook_deliveries_attempts"),
        sa.ForeignKeyConstraint(
            ["scope", "webhook_id"],
            ["webhooks.scope", "webhooks.id"],
            name="fk_webhook_deliveries_scope_webhook_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["scope", "run_id"],
            ["runs.scope", "runs.id"],
            name="fk_webhook_deliveries_scope_run_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("webhook_id", "run_id", name="uq_webhook_deliveries_webhook_id_run_id"),
    )
    op.create_index("ix_webhook_deliveries_run_id", "webhook_deliveries", ["run_id"])
    op.create_index("ix_webhook_deliveries_webhook_created", "webhook_deliveries", ["webhook_id", "created_at", "id"])
    waiting = sa.text("next_at IS NOT NULL")
    op.create_index(
        "ix_webhook_deliveries_next", "webhook_deliveries", ["next_at"], sqlite_where=waiting, postgresql_where=waiting
    )
