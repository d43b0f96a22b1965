"""The tables, with the invariants that the database keeps by itself.

Every row of a tenant has its scope. Statuses are checked against the core's enums here, the moves between them in ``statuses``.
Those of triggers stand in ``trigger_tables``.
"""

import sqlalchemy as sa

from headrace.core.client import Role
from headrace.core.run import ActivityStatus, BatchStatus, RunKind, RunStatus
from headrace.core.upload import UploadState
from headrace.store.columns import Document, document, figures_columns, instant, one_of, word

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RUN_OPEN = ", ".join(f"'{status}'" for status in RunStatus if not status.is_final)
"""The statuses of runs that have not ended, as SQL."""
ACTIVITY_OPEN = ", ".join(f"'{status}'" for status in ActivityStatus if not status.is_final)
"""The statuses of activity runs that have not ended, as SQL."""


def partial(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    """Return an index of the rows for which ``where`` holds."""
    condition = sa.text(where)
    return sa.Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


flows = sa.Table(
    "flows",
    metadata,
    word("id", primary_key=True),
    word("scope"),
    word("name"),
    document("plan"),
    document("parameters"),
    sa.Column("concurrency", sa.Integer, nullable=True),
    document("labels"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    sa.CheckConstraint("concurrency IS NULL OR concurrency >= 1", name="concurrency"),
    sa.CheckConstraint("revision >= 1", name="revision"),
    sa.Index("ix_flows_scope_name", "scope", "name"),
    sa.Index("ix_flows_scope_created", "scope", "created_at", "id"),
    sa.Index("ix_flows_created", "created_at", "id"),
)

runs = sa.Table(
    "runs",
    metadata,
    word("id", primary_key=True),
    word("scope"),
    # No foreign key: runs are the ledger and outlive a flow that somebody deletes.
    word("flow_id"),
    word("flow_name"),
    word("kind"),
    word("group_id"),
    word("retry_of", nullable=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    word("status"),
    document("reason", nullable=True),
    document("definition"),
    document("parameters"),
    document("window", nullable=True),
    document("plan"),
    instant("due_at", nullable=True),
    sa.Column("priority", sa.Integer, nullable=False),
    word("request_key", nullable=True),
    word("created_by"),
    document("details"),
    *figures_columns(),
    sa.Column("revision", sa.Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    instant("started_at", nullable=True),
    instant("ended_at", nullable=True),
    # No foreign key: the run that called may be removed before the one that it called.
    word("caller_run_id", nullable=True),
    word("caller_path", nullable=True),
    sa.Column("caller_attempt", sa.Integer, nullable=True),
    sa.Column("exclusive", sa.Boolean, nullable=False, server_default=sa.true()),
    one_of("status", RunStatus),
    one_of("kind", RunKind),
    sa.CheckConstraint("(group_id = id) = (attempt = 1) AND attempt >= 1", name="first_of_group"),
    sa.CheckConstraint(f"(status IN ({RUN_OPEN})) = (ended_at IS NULL)", name="ended"),
    sa.CheckConstraint("status NOT IN ('running', 'waiting') OR started_at IS NOT NULL", name="started"),
    # A group never crosses tenants.
    sa.UniqueConstraint("scope", "id"),
    sa.ForeignKeyConstraint(["scope", "group_id"], ["runs.scope", "runs.id"]),
    sa.ForeignKeyConstraint(["scope", "retry_of"], ["runs.scope", "runs.id"]),
    # Two retries that race ask for the same attempt; a group has one run that goes on, replays and runs that ask for no exclusion aside.
    sa.UniqueConstraint("group_id", "attempt"),
    partial(
        "uq_runs_open_of_group",
        "group_id",
        unique=True,
        where=f"status IN ({RUN_OPEN}) AND kind <> 'replay' AND exclusive",
    ),
    partial("ix_runs_caller", "caller_run_id", where="caller_run_id IS NOT NULL"),
    sa.Index("ix_runs_retry_of", "retry_of"),
    sa.Index("ix_runs_created", "created_at", "id"),
    # With the times by which runs are selected too: they are compared in the index, without a look at each run.
    sa.Index("ix_runs_scope_created", "scope", "created_at", "id", "started_at", "ended_at"),
    sa.Index("ix_runs_scope_status_created", "scope", "status", "created_at", "id"),
    sa.Index("ix_runs_scope_kind_created", "scope", "kind", "created_at", "id"),
    sa.Index("ix_runs_scope_flow_created", "scope", "flow_id", "created_at", "id"),
    sa.Index("ix_runs_scope_flow_status_created", "scope", "flow_id", "status", "created_at", "id"),
    sa.Index("ix_runs_scope_updated", "scope", "updated_at", "id"),
    partial("ix_runs_scope_rejected", "scope", "created_at", "id", where="rows_rejected > 0"),
    partial("ix_runs_ended", "ended_at", "id", where="ended_at IS NOT NULL"),
)

request_keys = sa.Table(
    "request_keys",
    metadata,
    word("scope"),
    word("key"),
    word("run_id"),
    instant("created_at"),
    sa.PrimaryKeyConstraint("scope", "key"),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], ondelete="CASCADE"),
    sa.Index("ix_request_keys_run_id", "run_id"),
)

activity_runs = sa.Table(
    "activity_runs",
    metadata,
    word("run_id"),
    word("path"),
    sa.Column("attempt", sa.Integer, nullable=False),
    word("scope"),
    sa.Column("position", sa.Integer, nullable=False),
    word("kind"),
    word("status"),
    word("fingerprint"),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("lost", sa.Integer, nullable=False, server_default="0"),
    word("worker_id", nullable=True),
    word("commit_key", nullable=True),
    word("carried_from", nullable=True),
    word("verdict"),
    word("verdict_reason"),
    document("output"),
    document("figures"),
    document("failure", nullable=True),
    instant("created_at"),
    instant("updated_at"),
    instant("started_at", nullable=True),
    instant("ended_at", nullable=True),
    # The path of the body that it is in, or of the container whose body it is; empty: it is in the flow's own plan.
    word("parent", server_default=""),
    document("state", nullable=True),
    instant("wake_at", nullable=True),
    sa.Column("details", Document, nullable=False, server_default="{}"),
    sa.PrimaryKeyConstraint("run_id", "path", "attempt"),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"]),
    sa.ForeignKeyConstraint(["scope", "carried_from"], ["runs.scope", "runs.id"]),
    one_of("status", ActivityStatus),
    sa.CheckConstraint("attempt >= 1", name="attempt"),
    sa.CheckConstraint("epoch >= 0", name="epoch"),
    sa.CheckConstraint("status <> 'carried' OR carried_from IS NOT NULL", name="carried"),
    sa.CheckConstraint(f"(status IN ({ACTIVITY_OPEN})) = (ended_at IS NULL)", name="ended"),
    # An attempt is made once the one before it has ended.
    partial("uq_activity_runs_open", "run_id", "path", unique=True, where=f"status IN ({ACTIVITY_OPEN})"),
    partial("ix_activity_runs_carried_from", "carried_from", where="carried_from IS NOT NULL"),
    sa.Index("ix_activity_runs_parent", "run_id", "parent", "position"),
    sa.Index("ix_activity_runs_started", "run_id", "started_at", "path", "attempt"),
)

signals = sa.Table(
    "signals",
    metadata,
    # To an attempt at an activity, from outside of its run: the first one counts.
    word("run_id"),
    word("path"),
    sa.Column("attempt", sa.Integer, nullable=False),
    word("scope"),
    document("body"),
    instant("created_at"),
    sa.PrimaryKeyConstraint("run_id", "path", "attempt"),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"]),
    sa.CheckConstraint("attempt >= 1", name="attempt"),
)

variable_values = sa.Table(
    "variable_values",
    metadata,
    word("run_id"),
    word("name"),
    # 0: the value that was set; from 1 on: elements put behind it, in their order.
    sa.Column("number", sa.BigInteger, nullable=False),
    word("scope"),
    # {"value": …}: JSON's null is a value too.
    document("holds"),
    # Of row 0: how many bytes of JSON the variable has, all its elements together.
    sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
    instant("updated_at"),
    sa.PrimaryKeyConstraint("run_id", "name", "number"),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"]),
    sa.CheckConstraint("number >= 0", name="number"),
)

run_logs = sa.Table(
    "run_logs",
    metadata,
    word("run_id"),
    # Number 0 is no line: it says how many lines were not kept.
    sa.Column("number", sa.Integer, nullable=False),
    word("scope"),
    instant("at"),
    sa.Column("level", sa.Integer, nullable=False),
    word("path"),
    sa.Column("attempt", sa.Integer, nullable=False),
    word("message"),
    document("fields"),
    sa.PrimaryKeyConstraint("run_id", "number"),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"]),
    sa.CheckConstraint("number >= 0", name="number"),
    sqlite_with_rowid=False,
)

batches = sa.Table(
    "batches",
    metadata,
    word("id", primary_key=True),
    word("scope"),
    word("run_id"),
    word("path"),
    word("target"),
    word("status"),
    word("commit_key"),
    sa.Column("version", sa.BigInteger, nullable=True),
    *figures_columns(),
    document("rejects"),
    # The empty list that batches of earlier versions have.
    sa.Column("code_sets", Document, nullable=False, server_default="[]"),
    document("warnings"),
    document("diagnostics"),
    document("files"),
    document("failure", nullable=True),
    word("replay_of", nullable=True),
    sa.Column("resolved", sa.BigInteger, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    instant("reverted_at", nullable=True),
    sa.UniqueConstraint("scope", "id"),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"]),
    sa.ForeignKeyConstraint(["scope", "replay_of"], ["batches.scope", "batches.id"]),
    one_of("status", BatchStatus),
    sa.CheckConstraint("resolved BETWEEN 0 AND coalesce(rows_rejected, 0)", name="resolved"),
    sa.Index("ix_batches_run_id", "run_id"),
    sa.Index("ix_batches_replay_of", "replay_of"),
    sa.Index("ix_batches_created", "created_at", "id"),
    sa.Index("ix_batches_scope_created", "scope", "created_at", "id"),
    sa.Index("ix_batches_scope_status_created", "scope", "status", "created_at", "id"),
    sa.Index("ix_batches_scope_target_created", "scope", "target", "created_at", "id"),
    partial("ix_batches_rejected", "created_at", "id", where="rows_rejected > 0"),
    partial("ix_batches_scope_rejected", "scope", "created_at", "id", where="rows_rejected > 0"),
)

uploads = sa.Table(
    "uploads",
    metadata,
    # Of the batch that it becomes: no foreign key, since that is written when its rows have been looked at.
    word("id", primary_key=True),
    word("scope"),
    word("dataset"),
    word("target"),
    word("state"),
    word("run_id", nullable=True),
    document("body"),
    instant("created_at"),
    instant("updated_at"),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"]),
    one_of("state", UploadState),
    sa.CheckConstraint("(state = 'loaded') = (run_id IS NOT NULL)", name="loaded"),
    sa.Index("ix_uploads_run_id", "run_id"),
    sa.Index("ix_uploads_scope_created", "scope", "created_at", "id"),
    sa.Index("ix_uploads_scope_target_created", "scope", "target", "created_at", "id"),
    sa.Index("ix_uploads_state_updated", "state", "updated_at", "id"),
)

replays = sa.Table(
    "replays",
    metadata,
    word("run_id", primary_key=True),
    word("scope"),
    word("batch_id"),
    instant("created_at"),
    instant("ended_at", nullable=True),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"]),
    sa.ForeignKeyConstraint(["scope", "batch_id"], ["batches.scope", "batches.id"]),
    partial("uq_replays_open", "batch_id", unique=True, where="ended_at IS NULL"),
    sa.Index("ix_replays_batch_id", "batch_id"),
)

resolved_rejects = sa.Table(
    "resolved_rejects",
    metadata,
    word("batch_id"),
    sa.Column("reject_number", sa.BigInteger, nullable=False),
    word("replay_batch_id"),
    # The first replay that delivers a reject counts; every further one finds it taken.
    sa.PrimaryKeyConstraint("batch_id", "reject_number"),
    sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
    sa.ForeignKeyConstraint(["replay_batch_id"], ["batches.id"]),
    sa.CheckConstraint("replay_batch_id <> batch_id", name="another_batch"),
    sa.Index("ix_resolved_rejects_replay_batch_id", "replay_batch_id"),
    sqlite_with_rowid=False,
)

watermarks = sa.Table(
    "watermarks",
    metadata,
    word("scope"),
    word("flow_id"),
    word("key"),
    instant("value"),
    # No foreign key: a watermark stays when the run that moved it is cleaned up.
    word("run_id"),
    sa.Column("revision", sa.Integer, nullable=False),
    instant("updated_at"),
    sa.PrimaryKeyConstraint("scope", "flow_id", "key"),
)

workers = sa.Table(
    "workers",
    metadata,
    word("id", primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    word("status"),
    word("host"),
    sa.Column("pid", sa.BigInteger, nullable=False),
    instant("started_at"),
    instant("heartbeat_at"),
    instant("ended_at", nullable=True),
    sa.CheckConstraint("status IN ('alive', 'dead', 'stopped')", name="status_known"),
    sa.CheckConstraint("(status = 'alive') = (ended_at IS NULL)", name="ended"),
    sa.CheckConstraint("generation >= 1", name="generation"),
)

clients = sa.Table(
    "clients",
    metadata,
    word("id", primary_key=True),
    word("name"),
    word("role"),
    document("scopes"),
    word("secret_hash"),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("service", sa.Boolean, nullable=False, server_default=sa.false()),
    instant("created_at"),
    instant("revoked_at", nullable=True),
    one_of("role", Role),
    sa.CheckConstraint("generation >= 1", name="generation"),
)

revoked_tokens = sa.Table(
    "revoked_tokens",
    metadata,
    word("id", primary_key=True),
    word("client_id"),
    instant("revoked_at"),
    instant("expires_at"),
    sa.Index("ix_revoked_tokens_expires_at", "expires_at"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    # Empty for what concerns the installation and no tenant.
    word("scope"),
    word("who"),
    word("action"),
    word("object"),
    document("details"),
    instant("at"),
    sa.Index("ix_audit_scope_at", "scope", "at", "id"),
    sa.Index("ix_audit_at", "at", "id"),
)

documents = sa.Table(
    "documents",
    metadata,
    word("scope"),
    word("kind"),
    word("id"),
    word("name"),
    document("body"),
    # Secrets that were taken out of the body, sealed by the service; never part of a page.
    sa.Column("sealed", sa.LargeBinary, nullable=True),
    sa.Column("revision", sa.Integer, nullable=False),
    word("created_by"),
    instant("created_at"),
    instant("updated_at"),
    sa.PrimaryKeyConstraint("scope", "kind", "id"),
    sa.CheckConstraint("revision >= 1", name="revision"),
    sa.Index("ix_documents_scope_kind_name", "scope", "kind", "name"),
    sa.Index("ix_documents_scope_kind_created", "scope", "kind", "created_at", "id"),
    sa.Index("ix_documents_scope_kind_updated", "scope", "kind", "updated_at", "id"),
)

settings = sa.Table(
    "settings",
    metadata,
    word("key", primary_key=True),
    document("value"),
    instant("updated_at"),
)

schedules = sa.Table(
    "schedules",
    metadata,
    word("scope"),
    word("flow_id"),
    document("schedule"),
    word("state"),
    # Null: it is never due again.
    instant("next_at", nullable=True),
    # The window of the newest run that it made, whatever became of that.
    document("window", nullable=True),
    # No foreign key: the schedule stays when its run is cleaned up.
    word("run_id", nullable=True),
    sa.Column("revision", sa.Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    sa.PrimaryKeyConstraint("scope", "flow_id"),
    sa.CheckConstraint("state IN ('enabled', 'paused')", name="state_known"),
    sa.CheckConstraint("revision >= 1", name="revision"),
    partial("ix_schedules_next", "next_at", where="state = 'enabled' AND next_at IS NOT NULL"),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    word("id", primary_key=True),
    word("scope"),
    # What is shown of the URL: without its query, which may hold secrets.
    word("address"),
    document("events"),
    # Null: every flow of the scope.
    document("flow_ids", nullable=True),
    # The URL and the secret that signs, sealed by the service.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    word("created_by"),
    instant("created_at"),
    sa.UniqueConstraint("scope", "id"),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    word("id", primary_key=True),
    word("scope"),
    word("webhook_id"),
    word("run_id"),
    word("event"),
    word("status"),
    sa.Column("attempts", sa.Integer, nullable=False),
    # When it is to be tried next; while it is being tried, when whoever tries it is taken for dead. Null: never again.
    instant("next_at", nullable=True),
    document("log"),
    instant("created_at"),
    instant("updated_at"),
    sa.ForeignKeyConstraint(["scope", "webhook_id"], ["webhooks.scope", "webhooks.id"], ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["scope", "run_id"], ["runs.scope", "runs.id"], ondelete="CASCADE"),
    # Once for each final run.
    sa.UniqueConstraint("webhook_id", "run_id"),
    sa.CheckConstraint("status IN ('pending', 'delivered', 'given_up')", name="status_known"),
    sa.CheckConstraint("(status = 'pending') = (next_at IS NOT NULL)", name="pending"),
    sa.CheckConstraint("attempts >= 0", name="attempts"),
    sa.Index("ix_webhook_deliveries_run_id", "run_id"),
    sa.Index("ix_webhook_deliveries_webhook_created", "webhook_id", "created_at", "id"),
    partial("ix_webhook_deliveries_next", "next_at", where="next_at IS NOT NULL"),
    partial("ix_webhook_deliveries_given_up", "webhook_id", "updated_at", where="status = 'given_up'"),
)
