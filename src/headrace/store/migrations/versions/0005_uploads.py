"""Uploads, and batches that were taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table of uploads, and keep of batches when they were taken back."""
    op.add_column("batches", sa.Column("reverted_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_batches_scope_target_created", "batches", ["scope", "target", "created_at", "id"], unique=False)
    op.create_table(
        "uploads",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("dataset", word, nullable=False),
        sa.Column("target", word, nullable=False),
        sa.Column("state", word, nullable=False),
        sa.Column("run_id", word, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('loading', 'loaded', 'failed', 'aborted')", name="ck_uploads_state_known"),
        sa.CheckConstraint("(state = 'loaded') = (run_id IS NOT NULL)", name="ck_uploads_loaded"),
        sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], name="fk_uploads_scope_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_run_id", "uploads", ["run_id"], unique=False)
    op.create_index("ix_uploads_scope_created", "uploads", ["scope", "created_at", "id"], unique=False)
    op.create_index("ix_uploads_scope_target_created", "uploads", ["scope", "target", "created_at", "id"], unique=False)
    op.create_index("ix_uploads_state_updated", "uploads", ["state", "updated_at", "id"], unique=False)
