"""Files that triggers watch, as they were at the last look."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """No trigger has watched files before."""
    op.create_table(
        "watched_files",
        sa.Column("scope", word, nullable=False),
        sa.Column("trigger_id", word, nullable=False),
        sa.Column("path", word, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stamp", word, nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("noticed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("trigger_id", "path", name="pk_watched_files"),
    )
