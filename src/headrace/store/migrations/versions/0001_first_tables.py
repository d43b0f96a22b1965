"""The ledger's first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Text by code points on PostgreSQL, as SQLite has it: the same order on both.
word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make every table."""
    _audit()
    _clients()
    _documents()
    _flows()
    _revoked_tokens()
    _runs()
    _settings()
    _watermarks()
    _workers()
    _activity_runs()
    _batches()
    _request_keys()
    _replays()
    _resolved_rejects()


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("who", word, nullable=False),
        sa.Column("action", word, nullable=False),
        sa.Column("object", word, nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at", "id"], unique=False)
    op.create_index("ix_audit_scope_at", "audit", ["scope", "at", "id"], unique=False)


def _clients() -> None:
    op.create_table(
        "clients",
        sa.Column("id", word, nullable=False),
        sa.Column("name", word, nullable=False),
        sa.Column("role", word, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("secret_hash", word, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role IN ('reader', 'operator', 'admin')", name="ck_clients_role_known"),
        sa.CheckConstraint("generation >= 1", name="ck_clients_generation"),
        sa.PrimaryKeyConstraint("id", name="pk_clients"),
    )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("scope", word, nullable=False),
        sa.Column("kind", word, nullable=False),
        sa.Column("id", word, nullable=False),
        sa.Column("name", word, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_by", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("revision >= 1", name="ck_documents_revision"),
        sa.PrimaryKeyConstraint("scope", "kind", "id", name="pk_documents"),
    )
    op.create_index("ix_documents_scope_kind_created", "documents", ["scope", "kind", "created_at", "id"], unique=False)
    op.create_index("ix_documents_scope_kind_name", "documents", ["scope", "kind", "name"], unique=False)
    op.create_index("ix_documents_scope_kind_updated", "documents", ["scope", "kind", "updated_at", "id"], unique=False)


def _flows() -> None:
    op.create_table(
        "flows",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("name", word, nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("concurrency IS NULL OR concurrency >= 1", name="ck_flows_concurrency"),
        sa.CheckConstraint("revision >= 1", name="ck_flows_revision"),
        sa.PrimaryKeyConstraint("id", name="pk_flows"),
    )
    op.create_index("ix_flows_created", "flows", ["created_at", "id"], unique=False)
    op.create_index("ix_flows_scope_created", "flows", ["scope", "created_at", "id"], unique=False)
    op.create_index("ix_flows_scope_name", "flows", ["scope", "name"], unique=False)


def _revoked_tokens() -> None:
    op.create_table(
        "revoked_tokens",
        sa.Column("id", word, nullable=False),
        sa.Column("client_id", word, nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revoked_tokens"),
    )
    op.create_index("ix_revoked_tokens_expires_at", "revoked_tokens", ["expires_at"], unique=False)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("flow_id", word, nullable=False),
        sa.Column("flow_name", word, nullable=False),
        sa.Column("kind", word, nullable=False),
        sa.Column("group_id", word, nullable=False),
        sa.Column("retry_of", word, nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", word, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("request_key", word, nullable=True),
        sa.Column("created_by", word, nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=True),
        sa.Column("bytes_written", sa.BigInteger(), nullable=True),
        sa.Column("files_read", sa.BigInteger(), nullable=True),
        sa.Column("files_written", sa.BigInteger(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=True),
        sa.Column("rows_accepted", sa.BigInteger(), nullable=True),
        sa.Column("rows_rejected", sa.BigInteger(), nullable=True),
        sa.Column("rows_skipped", sa.BigInteger(), nullable=True),
        sa.Column("rows_warned", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(status IN ('queued', 'running', 'waiting', 'cancelling')) = (ended_at IS NULL)", name="ck_runs_ended"
        ),
        sa.CheckConstraint("kind IN ('on_demand', 'scheduled', 'retry', 'replay')", name="ck_runs_kind_known"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'waiting', 'cancelling', 'succeeded', 'failed', 'cancelled')",
            name="ck_runs_status_known",
        ),
        sa.CheckConstraint("status NOT IN ('running', 'waiting') OR started_at IS NOT NULL", name="ck_runs_started"),
        sa.CheckConstraint("(group_id = id) = (attempt = 1) AND attempt >= 1", name="ck_runs_first_of_group"),
        sa.ForeignKeyConstraint(["scope", "group_id"], ["runs.scope", "runs.id"], name="fk_runs_scope_group_id"),
        sa.ForeignKeyConstraint(["scope", "retry_of"], ["runs.scope", "runs.id"], name="fk_runs_scope_retry_of"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("group_id", "attempt", name="uq_runs_group_id_attempt"),
        sa.UniqueConstraint("scope", "id", name="uq_runs_scope_id"),
    )
    op.create_index("ix_runs_created", "runs", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_runs_ended",
        "runs",
        ["ended_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index("ix_runs_retry_of", "runs", ["retry_of"], unique=False)
    op.create_index("ix_runs_scope_created", "runs", ["scope", "created_at", "id"], unique=False)
    op.create_index("ix_runs_scope_flow_created", "runs", ["scope", "flow_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_runs_scope_flow_status_created", "runs", ["scope", "flow_id", "status", "created_at", "id"], unique=False
    )
    op.create_index("ix_runs_scope_kind_created", "runs", ["scope", "kind", "created_at", "id"], unique=False)
    op.create_index(
        "ix_runs_scope_rejected",
        "runs",
        ["scope", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("rows_rejected > 0"),
        postgresql_where=sa.text("rows_rejected > 0"),
    )
    op.create_index("ix_runs_scope_status_created", "runs", ["scope", "status", "created_at", "id"], unique=False)
    op.create_index("ix_runs_scope_updated", "runs", ["scope", "updated_at", "id"], unique=False)
    op.create_index(
        "uq_runs_open_of_group",
        "runs",
        ["group_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'running', 'waiting', 'cancelling') AND kind <> 'replay'"),
        postgresql_where=sa.text("status IN ('queued', 'running', 'waiting', 'cancelling') AND kind <> 'replay'"),
    )


def _settings() -> None:
    op.create_table(
        "settings",
        sa.Column("key", word, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )


def _watermarks() -> None:
    op.create_table(
        "watermarks",
        sa.Column("scope", word, nullable=False),
        sa.Column("flow_id", word, nullable=False),
        sa.Column("key", word, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("run_id", word, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "flow_id", "key", name="pk_watermarks"),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", word, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("status", word, nullable=False),
        sa.Column("host", word, nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(status = 'alive') = (ended_at IS NULL)", name="ck_workers_ended"),
        sa.CheckConstraint("status IN ('alive', 'dead', 'stopped')", name="ck_workers_status_known"),
        sa.CheckConstraint("generation >= 1", name="ck_workers_generation"),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )


def _activity_runs() -> None:
    op.create_table(
        "activity_runs",
        sa.Column("run_id", word, nullable=False),
        sa.Column("path", word, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", word, nullable=False),
        sa.Column("status", word, nullable=False),
        sa.Column("fingerprint", word, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("worker_id", word, nullable=True),
        sa.Column("commit_key", word, nullable=True),
        sa.Column("carried_from", word, nullable=True),
        sa.Column("verdict", word, nullable=False),
        sa.Column("verdict_reason", word, nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(status IN ('pending', 'queued', 'running', 'waiting')) = (ended_at IS NULL)",
            name="ck_activity_runs_ended",
        ),
        sa.CheckConstraint("status <> 'carried' OR carried_from IS NOT NULL", name="ck_activity_runs_carried"),
        sa.CheckConstraint(
            "status IN ('pending', 'queued', 'running', 'waiting', 'succeeded', "
            "'failed', 'timed_out', 'cancelled', 'skipped', 'inactive', 'carried')",
            name="ck_activity_runs_status_known",
        ),
        sa.CheckConstraint("attempt >= 1", name="ck_activity_runs_attempt"),
        sa.CheckConstraint("epoch >= 0", name="ck_activity_runs_epoch"),
        sa.ForeignKeyConstraint(
            ["scope", "carried_from"], ["runs.scope", "runs.id"], name="fk_activity_runs_scope_carried_from"
        ),
        sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], name="fk_activity_runs_scope_run_id"),
        sa.PrimaryKeyConstraint("run_id", "path", "attempt", name="pk_activity_runs"),
    )
    op.create_index(
        "ix_activity_runs_carried_from",
        "activity_runs",
        ["carried_from"],
        unique=False,
        sqlite_where=sa.text("carried_from IS NOT NULL"),
        postgresql_where=sa.text("carried_from IS NOT NULL"),
    )
    op.create_index(
        "uq_activity_runs_open",
        "activity_runs",
        ["run_id", "path"],
        unique=True,
        sqlite_where=sa.text("status IN ('pending', 'queued', 'running', 'waiting')"),
        postgresql_where=sa.text("status IN ('pending', 'queued', 'running', 'waiting')"),
    )


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("run_id", word, nullable=False),
        sa.Column("path", word, nullable=False),
        sa.Column("target", word, nullable=False),
        sa.Column("status", word, nullable=False),
        sa.Column("commit_key", word, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("bytes_read", sa.BigInteger(), nullable=True),
        sa.Column("bytes_written", sa.BigInteger(), nullable=True),
        sa.Column("files_read", sa.BigInteger(), nullable=True),
        sa.Column("files_written", sa.BigInteger(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=True),
        sa.Column("rows_accepted", sa.BigInteger(), nullable=True),
        sa.Column("rows_rejected", sa.BigInteger(), nullable=True),
        sa.Column("rows_skipped", sa.BigInteger(), nullable=True),
        sa.Column("rows_warned", sa.BigInteger(), nullable=True),
        sa.Column("rejects", sa.Text(), nullable=False),
        sa.Column("warnings", sa.Text(), nullable=False),
        sa.Column("diagnostics", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("replay_of", word, nullable=True),
        sa.Column("resolved", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('staging', 'committed', 'failed', 'aborted')", name="ck_batches_status_known"),
        sa.CheckConstraint("resolved BETWEEN 0 AND coalesce(rows_rejected, 0)", name="ck_batches_resolved"),
        sa.ForeignKeyConstraint(
            ["scope", "replay_of"], ["batches.scope", "batches.id"], name="fk_batches_scope_replay_of"
        ),
        sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], name="fk_batches_scope_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.UniqueConstraint("scope", "id", name="uq_batches_scope_id"),
    )
    op.create_index("ix_batches_created", "batches", ["created_at", "id"], unique=False)
    op.create_index("ix_batches_replay_of", "batches", ["replay_of"], unique=False)
    op.create_index("ix_batches_run_id", "batches", ["run_id"], unique=False)
    op.create_index("ix_batches_scope_created", "batches", ["scope", "created_at", "id"], unique=False)
    op.create_index("ix_batches_scope_status_created", "batches", ["scope", "status", "created_at", "id"], unique=False)


def _request_keys() -> None:
    op.create_table(
        "request_keys",
        sa.Column("scope", word, nullable=False),
        sa.Column("key", word, nullable=False),
        sa.Column("run_id", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scope", "run_id"], ["runs.scope", "runs.id"], name="fk_request_keys_scope_run_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_request_keys"),
    )
    op.create_index("ix_request_keys_run_id", "request_keys", ["run_id"], unique=False)


def _replays() -> None:
    op.create_table(
        "replays",
        sa.Column("run_id", word, nullable=False),
        sa.Column("scope", word, nullable=False),
        sa.Column("batch_id", word, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["scope", "batch_id"], ["batches.scope", "batches.id"], name="fk_replays_scope_batch_id"
        ),
        sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], name="fk_replays_scope_run_id"),
        sa.PrimaryKeyConstraint("run_id", name="pk_replays"),
    )
    op.create_index("ix_replays_batch_id", "replays", ["batch_id"], unique=False)
    op.create_index(
        "uq_replays_open",
        "replays",
        ["batch_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _resolved_rejects() -> None:
    op.create_table(
        "resolved_rejects",
        sa.Column("batch_id", word, nullable=False),
        sa.Column("reject_number", sa.BigInteger(), nullable=False),
        sa.Column("replay_batch_id", word, nullable=False),
        sa.CheckConstraint("replay_batch_id <> batch_id", name="ck_resolved_rejects_another_batch"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_resolved_rejects_batch_id"),
        sa.ForeignKeyConstraint(["replay_batch_id"], ["batches.id"], name="fk_resolved_rejects_replay_batch_id"),
        sa.PrimaryKeyConstraint("batch_id", "reject_number", name="pk_resolved_rejects"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_resolved_rejects_replay_batch_id", "resolved_rejects", ["replay_batch_id"], unique=False)
