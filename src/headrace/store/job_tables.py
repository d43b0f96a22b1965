"""The tables of jobs, of what listeners are told, and of the workspace that jobs work in. Records stand in ``sheet_tables``."""

import sqlalchemy as sa

from headrace.core.job import EndedBy, JobStatus, JobTrigger, PartExecution
from headrace.core.workspace import ResourceKind
from headrace.store.columns import Document, document, instant, one_of, word
from headrace.store.tables import metadata, partial

JOB_OPEN = ", ".join(f"'{status}'" for status in JobStatus if not status.is_final)
"""The statuses of jobs that have not ended, as SQL."""

resources = sa.Table(
    "resources",
    metadata,
    word("id", primary_key=True),
    word("scope"),
    word("kind"),
    word("parent_id", nullable=True),
    word("space_id", nullable=True),
    word("name"),
    word("slug", nullable=True),
    document("body"),
    # Secrets that were taken out of the body, sealed by the service.
    sa.Column("sealed", sa.LargeBinary, nullable=True),
    word("created_by"),
    instant("created_at"),
    instant("updated_at"),
    instant("archived_at", nullable=True),
    sa.Column("revision", sa.Integer, nullable=False),
    one_of("kind", ResourceKind),
    sa.CheckConstraint("revision >= 1", name="revision"),
    sa.Index("ix_resources_scope_kind_created", "scope", "kind", "created_at", "id"),
    sa.Index("ix_resources_scope_kind_name", "scope", "kind", "name"),
    partial("ix_resources_parent", "parent_id", "kind", "created_at", "id", where="parent_id IS NOT NULL"),
    partial("ix_resources_space", "space_id", "kind", "created_at", "id", where="space_id IS NOT NULL"),
    # What a key is found by is its digest, wherever it belongs.
    partial("uq_resources_key", "name", unique=True, where="kind = 'key'"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    word("id", primary_key=True),
    word("scope"),
    word("type"),
    word("operation"),
    word("source"),
    word("destination", nullable=True),
    word("space_id", nullable=True),
    word("file_id", nullable=True),
    word("parent_id", nullable=True),
    sa.Column("part", sa.Integer, nullable=True),
    word("part_execution", nullable=True),
    word("status"),
    word("trigger"),
    word("mode", nullable=True),
    sa.Column("engine", sa.Boolean, nullable=False),
    sa.Column("managed", sa.Boolean, nullable=False),
    sa.Column("announced", sa.Boolean, nullable=False),
    sa.Column("executed", sa.Boolean, nullable=False),
    sa.Column("restarted_parts", sa.Boolean, nullable=False),
    sa.Column("progress", sa.Integer, nullable=False),
    word("info", nullable=True),
    document("predecessors"),
    document("config", nullable=True),
    document("input", nullable=True),
    document("subject", nullable=True),
    document("metadata", nullable=True),
    document("result", nullable=True),
    document("outcome", nullable=True),
    document("part_data", nullable=True),
    document("plan", nullable=True),
    document("position"),
    sa.Column("attempt", sa.Integer, nullable=False),
    # No foreign key: retention removes runs of the ledger by its own rules.
    word("run_id"),
    word("created_by"),
    instant("created_at"),
    instant("updated_at"),
    instant("started_at", nullable=True),
    instant("finished_at", nullable=True),
    instant("outcome_acknowledged_at", nullable=True),
    instant("estimated_at", nullable=True),
    instant("delivered_at", nullable=True),
    instant("deadline_at", nullable=True),
    instant("due_at", nullable=True),
    sa.Column("revision", sa.Integer, nullable=False),
    one_of("status", JobStatus),
    one_of("trigger", JobTrigger),
    sa.CheckConstraint(
        "part_execution IS NULL OR part_execution IN (" + ", ".join(f"'{item}'" for item in PartExecution) + ")",
        name="part_execution_known",
    ),
    sa.CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
    sa.CheckConstraint("attempt >= 1", name="attempt"),
    sa.CheckConstraint("revision >= 1", name="revision"),
    sa.CheckConstraint(f"(status IN ({JOB_OPEN})) = (finished_at IS NULL)", name="finished"),
    sa.CheckConstraint("parent_id IS NULL OR part IS NOT NULL", name="part"),
    sa.CheckConstraint("parent_id IS NULL OR parent_id <> id", name="own_parent"),
    sa.Index("ix_jobs_scope_created", "scope", "created_at", "id"),
    partial("ix_jobs_space", "space_id", "created_at", "id", where="space_id IS NOT NULL"),
    partial("ix_jobs_parent", "parent_id", "part", where="parent_id IS NOT NULL"),
    # Parts that have not ended: is there one, and whose turn is it?
    partial(
        "ix_jobs_parts_open", "parent_id", "status", "part", where=f"parent_id IS NOT NULL AND status IN ({JOB_OPEN})"
    ),
    sa.Index("ix_jobs_source", "source", "created_at", "id"),
    partial("ix_jobs_destination", "destination", "created_at", "id", where="destination IS NOT NULL"),
    partial("ix_jobs_file", "file_id", "created_at", "id", where="file_id IS NOT NULL"),
    sa.Index("ix_jobs_run", "run_id"),
    partial("ix_jobs_deadline", "deadline_at", "id", where="deadline_at IS NOT NULL"),
    partial("ix_jobs_due", "due_at", "id", where="due_at IS NOT NULL"),
    partial("ix_jobs_engine_open", "id", where=f"engine AND status IN ({JOB_OPEN})"),
)

job_predecessors = sa.Table(
    "job_predecessors",
    metadata,
    word("job_id"),
    # No foreign key: a predecessor that was deleted has cancelled what waited for it.
    word("predecessor_id"),
    sa.PrimaryKeyConstraint("job_id", "predecessor_id"),
    sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
    sa.CheckConstraint("job_id <> predecessor_id", name="another_job"),
    sa.Index("ix_job_predecessors_predecessor", "predecessor_id"),
)

job_attempts = sa.Table(
    "job_attempts",
    metadata,
    # No foreign keys: attempts outlive a job that somebody deletes.
    word("job_id"),
    sa.Column("number", sa.Integer, nullable=False),
    word("scope"),
    word("run_id"),
    word("status"),
    sa.Column("progress", sa.Integer, nullable=False),
    instant("started_at", nullable=True),
    instant("finished_at", nullable=True),
    word("info", nullable=True),
    # config, input, plan, result, outcome as they were when it ended.
    document("frozen", nullable=True),
    document("notes"),
    word("ended_by", nullable=True),
    word("actor_id", nullable=True),
    sa.PrimaryKeyConstraint("job_id", "number"),
    one_of("status", JobStatus),
    sa.CheckConstraint("number >= 1", name="number"),
    sa.CheckConstraint(
        "ended_by IS NULL OR ended_by IN (" + ", ".join(f"'{item}'" for item in EndedBy) + ")", name="ended_by_known"
    ),
    sa.Index("ix_job_attempts_run", "run_id"),
)

happenings = sa.Table(
    "happenings",
    metadata,
    # The order of writing; gaps and all, it is never shown.
    sa.Column("written", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    word("id", unique=True),
    word("scope"),
    # Its place in the order of its environment, given by the dispatcher. Null: not handed out yet.
    sa.Column("number", sa.BigInteger, nullable=True),
    word("domain"),
    word("topic"),
    word("space_id", nullable=True),
    word("job_id", nullable=True),
    # The rest of the event: context, payload, namespaces, urls, origin.
    document("body"),
    word("actor_id"),
    # The request whose answer goes out first; empty: none.
    word("request"),
    instant("created_at"),
    instant("acknowledged_at", nullable=True),
    word("acknowledged_by", nullable=True),
    sa.UniqueConstraint("scope", "number"),
    # It begins with the column that is null in all of it, so that SQLite sees that it has only these rows.
    partial("ix_happenings_waiting", "number", "scope", "written", where="number IS NULL"),
    partial("ix_happenings_space", "space_id", "number", where="space_id IS NOT NULL AND number IS NOT NULL"),
    sa.Index("ix_happenings_scope_created", "scope", "created_at", "written"),
    # For lists that leave out what was acknowledged, and for those of one topic or domain: all others are then not walked over.
    partial("ix_happenings_open", "scope", "number", where="number IS NOT NULL AND acknowledged_at IS NULL"),
    partial("ix_happenings_topic", "scope", "topic", "number", where="number IS NOT NULL"),
    partial("ix_happenings_domain", "scope", "domain", "number", where="number IS NOT NULL"),
    sqlite_autoincrement=True,
)

happening_counters = sa.Table(
    "happening_counters",
    metadata,
    word("scope", primary_key=True),
    # The newest number that was handed out.
    sa.Column("number", sa.BigInteger, nullable=False),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    word("scope"),
    # Method, path and the caller's key, as a digest.
    word("key"),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("answer", Document, nullable=False),
    instant("created_at"),
    sa.PrimaryKeyConstraint("scope", "key"),
    sa.Index("ix_idempotency_keys_created", "created_at"),
)
