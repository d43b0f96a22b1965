"""Sheets and their records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# JSON into which selections look.
values = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """No installation has sheets before."""
    op.create_table(
        "sheets",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("space_id", word, nullable=False),
        sa.Column("workbook_id", word, nullable=False),
        sa.Column("name", word, nullable=False),
        sa.Column("slug", word, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("next_position", sa.BigInteger(), nullable=False),
        sa.Column("next_commit", sa.BigInteger(), nullable=False),
        sa.Column("locked_by", word, nullable=True),
        sa.Column("locked_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("counts_told_at", sa.BigInteger(), nullable=True),
        sa.Column("counts_due_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_sheets"),
        sa.UniqueConstraint("id", name="uq_sheets_id"),
        sa.UniqueConstraint("workbook_id", "slug", name="uq_sheets_workbook_id_slug"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sheets_space", "sheets", ["space_id", "number"], unique=False)
    op.create_index(
        "ix_sheets_counts_due",
        "sheets",
        ["counts_due_at", "number"],
        unique=False,
        sqlite_where=sa.text("counts_due_at IS NOT NULL"),
        postgresql_where=sa.text("counts_due_at IS NOT NULL"),
    )
    op.create_index("ix_sheets_workbook", "sheets", ["workbook_id", "place", "number"], unique=False)
    op.create_table(
        "commit_ranges",
        sa.Column("sheet", sa.BigInteger(), nullable=False),
        sa.Column("commit_number", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("first <= last", name="ck_commit_ranges_range"),
        sa.ForeignKeyConstraint(["sheet"], ["sheets.number"], name="fk_commit_ranges_sheet"),
        sa.PrimaryKeyConstraint("sheet", "commit_number", "first", name="pk_commit_ranges"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "record_versions",
        sa.Column("sheet", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("until_commit", sa.BigInteger(), nullable=False),
        sa.Column("since_commit", sa.BigInteger(), nullable=False),
        sa.Column("record_id", word, nullable=False),
        sa.Column("created_commit", sa.BigInteger(), nullable=False),
        sa.Column("values", values, nullable=False),
        sa.Column("messages", values, nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("config", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sheet"], ["sheets.number"], name="fk_record_versions_sheet"),
        sa.PrimaryKeyConstraint("sheet", "position", "until_commit", name="pk_record_versions"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_record_versions_id", "record_versions", ["sheet", "record_id"], unique=False)
    op.create_table(
        "sheet_blocks",
        sa.Column("sheet", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("error", sa.Integer(), nullable=False),
        sa.CheckConstraint("total >= 0 AND error BETWEEN 0 AND total", name="ck_sheet_blocks_counts"),
        sa.ForeignKeyConstraint(["sheet"], ["sheets.number"], name="fk_sheet_blocks_sheet"),
        sa.PrimaryKeyConstraint("sheet", "block", name="pk_sheet_blocks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sheet_commits",
        sa.Column("id", word, nullable=False),
        sa.Column("sheet", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("created_by", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_by", word, nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sheet"], ["sheets.number"], name="fk_sheet_commits_sheet"),
        sa.PrimaryKeyConstraint("id", name="pk_sheet_commits"),
        sa.UniqueConstraint("sheet", "number", name="uq_sheet_commits_sheet_number"),
    )
    op.create_index(
        "ix_sheet_commits_open",
        "sheet_commits",
        ["created_at", "id"],
        unique=False,
        sqlite_where=sa.text("completed_at IS NULL"),
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    op.create_table(
        "sheet_keys",
        sa.Column("sheet", sa.BigInteger(), nullable=False),
        sa.Column("rule", word, nullable=False),
        sa.Column("key", word, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sheet", "rule", "key", "position", name="pk_sheet_keys"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sheet_records",
        sa.Column("sheet", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("record_id", word, nullable=False),
        sa.Column("values", values, nullable=False),
        sa.Column("messages", values, nullable=True),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("config", sa.Text(), nullable=True),
        sa.Column("created_commit", sa.BigInteger(), nullable=False),
        sa.Column("updated_commit", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sheet", "position", name="pk_sheet_records"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_sheet_records_error",
        "sheet_records",
        ["sheet", "position"],
        unique=False,
        sqlite_where=sa.text("NOT valid"),
        postgresql_where=sa.text("NOT valid"),
    )
    op.create_index(
        "ix_sheet_records_messages",
        "sheet_records",
        ["sheet", "position"],
        unique=False,
        sqlite_where=sa.text("messages IS NOT NULL"),
        postgresql_where=sa.text("messages IS NOT NULL"),
    )
    op.create_index("uq_sheet_records_id", "sheet_records", ["sheet", "record_id"], unique=True)
    op.create_table(
        "snapshots",
        sa.Column("id", word, nullable=False),
        sa.Column("sheet", sa.BigInteger(), nullable=False),
        sa.Column("commit_number", sa.BigInteger(), nullable=False),
        sa.Column("label", word, nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("created_by", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sheet"], ["sheets.number"], name="fk_snapshots_sheet"),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
    )
    op.create_index("ix_snapshots_sheet", "snapshots", ["sheet", "created_at", "id"], unique=False)
