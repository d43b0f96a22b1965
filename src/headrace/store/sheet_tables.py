"""The tables of sheets and their records."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.store.columns import document, instant, word
from headrace.store.tables import metadata, partial

BLOCK = 4096
"""Positions of one block, whose counts are kept."""

Values = sa.Text().with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
"""JSON into which selections look: text on SQLite, binary on PostgreSQL. Writers and readers hand over text (``store.records``)."""

sheets = sa.Table(
    "sheets",
    metadata,
    # Short, since every row of records has it.
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    word("id", unique=True),
    word("scope"),
    word("space_id"),
    word("workbook_id"),
    word("name"),
    word("slug"),
    sa.Column("place", sa.Integer, nullable=False),
    document("config"),
    document("metadata", nullable=True),
    sa.Column("next_position", sa.BigInteger, nullable=False),
    sa.Column("next_commit", sa.BigInteger, nullable=False),
    word("locked_by", nullable=True),
    instant("locked_at", nullable=True),
    instant("created_at"),
    instant("updated_at"),
    # When its counts were told last; null: never.
    instant("counts_told_at", nullable=True),
    # When counts that changed since then are to be told; null: none did.
    instant("counts_due_at", nullable=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.UniqueConstraint("workbook_id", "slug"),
    sa.Index("ix_sheets_workbook", "workbook_id", "place", "number"),
    sa.Index("ix_sheets_space", "space_id", "number"),
    partial("ix_sheets_counts_due", "counts_due_at", "number", where="counts_due_at IS NOT NULL"),
    sqlite_autoincrement=True,
)

sheet_records = sa.Table(
    "sheet_records",
    metadata,
    sa.Column("sheet", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    # The 32 hexadecimal digits of its id, or, where a writer named it, the whole id.
    word("record_id"),
    sa.Column("values", Values, nullable=False),
    # Null: there is nothing to be said. {field: [[level, source, text, path?], …]}
    sa.Column("messages", Values, nullable=True),
    sa.Column("valid", sa.Boolean, nullable=False),
    # Null: empty.
    document("metadata", nullable=True),
    document("config", nullable=True),
    sa.Column("created_commit", sa.BigInteger, nullable=False),
    sa.Column("updated_commit", sa.BigInteger, nullable=False),
    instant("updated_at"),
    sa.PrimaryKeyConstraint("sheet", "position"),
    # No foreign key: who writes holds the sheet's row, and a check for each row would halve the speed.
    sa.Index("uq_sheet_records_id", "sheet", "record_id", unique=True),
    # Few records are wrong: their order is kept apart.
    partial("ix_sheet_records_error", "sheet", "position", where="NOT valid"),
    partial("ix_sheet_records_messages", "sheet", "position", where="messages IS NOT NULL"),
    sqlite_with_rowid=False,
)

sheet_blocks = sa.Table(
    "sheet_blocks",
    metadata,
    sa.Column("sheet", sa.BigInteger, nullable=False),
    # position // BLOCK
    sa.Column("block", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("error", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("sheet", "block"),
    sa.ForeignKeyConstraint(["sheet"], ["sheets.number"]),
    sa.CheckConstraint("total >= 0 AND error BETWEEN 0 AND total", name="counts"),
    sqlite_with_rowid=False,
)

sheet_commits = sa.Table(
    "sheet_commits",
    metadata,
    word("id", primary_key=True),
    sa.Column("sheet", sa.BigInteger, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    word("created_by"),
    instant("created_at"),
    word("completed_by", nullable=True),
    instant("completed_at", nullable=True),
    sa.UniqueConstraint("sheet", "number"),
    sa.ForeignKeyConstraint(["sheet"], ["sheets.number"]),
    partial("ix_sheet_commits_open", "created_at", "id", where="completed_at IS NULL"),
)

commit_ranges = sa.Table(
    "commit_ranges",
    metadata,
    sa.Column("sheet", sa.BigInteger, nullable=False),
    sa.Column("commit_number", sa.BigInteger, nullable=False),
    # Positions that it touched, both ends included.
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("sheet", "commit_number", "first"),
    sa.ForeignKeyConstraint(["sheet"], ["sheets.number"]),
    sa.CheckConstraint("first <= last", name="range"),
    sqlite_with_rowid=False,
)

sheet_keys = sa.Table(
    "sheet_keys",
    metadata,
    # One row for each record and rule: whose value is there, and how often, without a scan.
    sa.Column("sheet", sa.BigInteger, nullable=False),
    # "unique:<name>", or "field:<key>" of a field that others refer to.
    word("rule"),
    # The value, folded as the rule says; of long ones a digest.
    word("key"),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("sheet", "rule", "key", "position"),
    sqlite_with_rowid=False,
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    word("id", primary_key=True),
    sa.Column("sheet", sa.BigInteger, nullable=False),
    # The newest commit that it holds.
    sa.Column("commit_number", sa.BigInteger, nullable=False),
    word("label", nullable=True),
    # The blueprint's fields as they were.
    document("fields"),
    word("created_by"),
    instant("created_at"),
    sa.ForeignKeyConstraint(["sheet"], ["sheets.number"]),
    sa.Index("ix_snapshots_sheet", "sheet", "created_at", "id"),
)

record_versions = sa.Table(
    "record_versions",
    metadata,
    sa.Column("sheet", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    # The commit that changed or removed it: until then it was so.
    sa.Column("until_commit", sa.BigInteger, nullable=False),
    # The commit since which it was so.
    sa.Column("since_commit", sa.BigInteger, nullable=False),
    word("record_id"),
    sa.Column("created_commit", sa.BigInteger, nullable=False),
    sa.Column("values", Values, nullable=False),
    sa.Column("messages", Values, nullable=True),
    document("metadata", nullable=True),
    document("config", nullable=True),
    sa.PrimaryKeyConstraint("sheet", "position", "until_commit"),
    sa.Index("ix_record_versions_id", "sheet", "record_id"),
    sa.ForeignKeyConstraint(["sheet"], ["sheets.number"]),
    sqlite_with_rowid=False,
)
