"""Jobs, what listeners are told, and the workspace that jobs work in."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """No installation has jobs before."""
    op.create_table(
        "happening_counters",
        sa.Column("scope", word, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_happening_counters"),
    )
    op.create_table(
        "happenings",
        sa.Column("written", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("domain", word, nullable=False),
        sa.Column("topic", word, nullable=False),
        sa.Column("space_id", word, nullable=True),
        sa.Column("job_id", word, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor_id", word, nullable=False),
        sa.Column("request", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", word, nullable=True),
        sa.PrimaryKeyConstraint("written", name="pk_happenings"),
        sa.UniqueConstraint("id", name="uq_happenings_id"),
        sa.UniqueConstraint("scope", "number", name="uq_happenings_scope_number"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_happenings_domain",
        "happenings",
        ["scope", "domain", "number"],
        unique=False,
        sqlite_where=sa.text("number IS NOT NULL"),
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_index(
        "ix_happenings_open",
        "happenings",
        ["scope", "number"],
        unique=False,
        sqlite_where=sa.text("number IS NOT NULL AND acknowledged_at IS NULL"),
        postgresql_where=sa.text("number IS NOT NULL AND acknowledged_at IS NULL"),
    )
    op.create_index("ix_happenings_scope_created", "happenings", ["scope", "created_at", "written"], unique=False)
    op.create_index(
        "ix_happenings_space",
        "happenings",
        ["space_id", "number"],
        unique=False,
        sqlite_where=sa.text("space_id IS NOT NULL AND number IS NOT NULL"),
        postgresql_where=sa.text("space_id IS NOT NULL AND number IS NOT NULL"),
    )
    op.create_index(
        "ix_happenings_topic",
        "happenings",
        ["scope", "topic", "number"],
        unique=False,
        sqlite_where=sa.text("number IS NOT NULL"),
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_index(
        "ix_happenings_waiting",
        "happenings",
        ["number", "scope", "written"],
        unique=False,
        sqlite_where=sa.text("number IS NULL"),
        postgresql_where=sa.text("number IS NULL"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", word, nullable=False),
        sa.Column("key", word, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "job_attempts",
        sa.Column("job_id", word, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("run_id", word, nullable=False),
        sa.Column("status", word, nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("info", word, nullable=True),
        sa.Column("frozen", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("ended_by", word, nullable=True),
        sa.Column("actor_id", word, nullable=True),
        sa.CheckConstraint(
            "ended_by IS NULL OR ended_by IN ('client', 'engine', 'timeout', 'cancel', 'predecessor')",
            name="ck_job_attempts_ended_by_known",
        ),
        sa.CheckConstraint("number >= 1", name="ck_job_attempts_number"),
        sa.CheckConstraint(
            "status IN ('created', 'planning', 'scheduled', 'waiting', 'ready', 'executing', 'complete', 'failed', 'cancelled')",
            name="ck_job_attempts_status_known",
        ),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_job_attempts"),
    )
    op.create_index("ix_job_attempts_run", "job_attempts", ["run_id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("type", word, nullable=False),
        sa.Column("operation", word, nullable=False),
        sa.Column("source", word, nullable=False),
        sa.Column("destination", word, nullable=True),
        sa.Column("space_id", word, nullable=True),
        sa.Column("file_id", word, nullable=True),
        sa.Column("parent_id", word, nullable=True),
        sa.Column("part", sa.Integer(), nullable=True),
        sa.Column("part_execution", word, nullable=True),
        sa.Column("status", word, nullable=False),
        sa.Column("trigger", word, nullable=False),
        sa.Column("mode", word, nullable=True),
        sa.Column("engine", sa.Boolean(), nullable=False),
        sa.Column("managed", sa.Boolean(), nullable=False),
        sa.Column("announced", sa.Boolean(), nullable=False),
        sa.Column("executed", sa.Boolean(), nullable=False),
        sa.Column("restarted_parts", sa.Boolean(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("info", word, nullable=True),
        sa.Column("predecessors", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=True),
        sa.Column("input", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("part_data", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run_id", word, nullable=False),
        sa.Column("created_by", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome_acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("estimated_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("deadline_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint("attempt >= 1", name="ck_jobs_attempt"),
        sa.CheckConstraint(
            "(status IN ('created', 'planning', 'scheduled', 'waiting', 'ready', 'executing')) = (finished_at IS NULL)",
            name="ck_jobs_finished",
        ),
        sa.CheckConstraint("parent_id IS NULL OR parent_id <> id", name="ck_jobs_own_parent"),
        sa.CheckConstraint("parent_id IS NULL OR part IS NOT NULL", name="ck_jobs_part"),
        sa.CheckConstraint(
            "part_execution IS NULL OR part_execution IN ('sequential', 'parallel')",
            name="ck_jobs_part_execution_known",
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name="ck_jobs_progress"),
        sa.CheckConstraint("revision >= 1", name="ck_jobs_revision"),
        sa.CheckConstraint(
            "status IN ('created', 'planning', 'scheduled', 'waiting', 'ready', 'executing', 'complete', 'failed', 'cancelled')",
            name="ck_jobs_status_known",
        ),
        sa.CheckConstraint("trigger IN ('manual', 'immediate')", name="ck_jobs_trigger_known"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index(
        "ix_jobs_deadline",
        "jobs",
        ["deadline_at", "id"],
        unique=False,
        sqlite_where=sa.text("deadline_at IS NOT NULL"),
        postgresql_where=sa.text("deadline_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_destination",
        "jobs",
        ["destination", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("destination IS NOT NULL"),
        postgresql_where=sa.text("destination IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_due",
        "jobs",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_engine_open",
        "jobs",
        ["id"],
        unique=False,
        sqlite_where=sa.text(
            "engine AND status IN ('created', 'planning', 'scheduled', 'waiting', 'ready', 'executing')"
        ),
        postgresql_where=sa.text(
            "engine AND status IN ('created', 'planning', 'scheduled', 'waiting', 'ready', 'executing')"
        ),
    )
    op.create_index(
        "ix_jobs_file",
        "jobs",
        ["file_id", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("file_id IS NOT NULL"),
        postgresql_where=sa.text("file_id IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_parent",
        "jobs",
        ["parent_id", "part"],
        unique=False,
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    parts_open = sa.text(
        "parent_id IS NOT NULL AND status IN ('created', 'planning', 'scheduled', 'waiting', 'ready', 'executing')"
    )
    op.create_index(
        "ix_jobs_parts_open",
        "jobs",
        ["parent_id", "status", "part"],
        unique=False,
        sqlite_where=parts_open,
        postgresql_where=parts_open,
    )
    op.create_index("ix_jobs_run", "jobs", ["run_id"], unique=False)
    op.create_index("ix_jobs_scope_created", "jobs", ["scope", "created_at", "id"], unique=False)
    op.create_index("ix_jobs_source", "jobs", ["source", "created_at", "id"], unique=False)
    op.create_index(
        "ix_jobs_space",
        "jobs",
        ["space_id", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("space_id IS NOT NULL"),
        postgresql_where=sa.text("space_id IS NOT NULL"),
    )
    op.create_table(
        "resources",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("kind", word, nullable=False),
        sa.Column("parent_id", word, nullable=True),
        sa.Column("space_id", word, nullable=True),
        sa.Column("name", word, nullable=False),
        sa.Column("slug", word, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('account', 'environment', 'space', 'workbook', 'file', 'document', 'action', 'secret', 'key')",
            name="ck_resources_kind_known",
        ),
        sa.CheckConstraint("revision >= 1", name="ck_resources_revision"),
        sa.PrimaryKeyConstraint("id", name="pk_resources"),
    )
    op.create_index(
        "ix_resources_parent",
        "resources",
        ["parent_id", "kind", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index("ix_resources_scope_kind_created", "resources", ["scope", "kind", "created_at", "id"], unique=False)
    op.create_index("ix_resources_scope_kind_name", "resources", ["scope", "kind", "name"], unique=False)
    op.create_index(
        "ix_resources_space",
        "resources",
        ["space_id", "kind", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("space_id IS NOT NULL"),
        postgresql_where=sa.text("space_id IS NOT NULL"),
    )
    op.create_index(
        "uq_resources_key",
        "resources",
        ["name"],
        unique=True,
        sqlite_where=sa.text("kind = 'key'"),
        postgresql_where=sa.text("kind = 'key'"),
    )
    op.create_table(
        "job_predecessors",
        sa.Column("job_id", word, nullable=False),
        sa.Column("predecessor_id", word, nullable=False),
        sa.CheckConstraint("job_id <> predecessor_id", name="ck_job_predecessors_another_job"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_predecessors_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "predecessor_id", name="pk_job_predecessors"),
    )
    op.create_index("ix_job_predecessors_predecessor", "job_predecessors", ["predecessor_id"], unique=False)
