"""The tables of triggers; with them, ``metadata`` has every table."""

import sqlalchemy as sa

from headrace.core.trigger import TriggerRunStatus, TriggerState
from headrace.store.columns import document, instant, one_of, word
from headrace.store.tables import metadata, partial

TRIGGER_RUN_OPEN = ", ".join(f"'{status}'" for status in TriggerRunStatus if not status.is_final)
"""The statuses of trigger runs that have not ended, as SQL."""

triggers = sa.Table(
    "triggers",
    metadata,
    # Another one when a trigger of the same name is made anew.
    word("id", primary_key=True),
    word("scope"),
    # In lower case, by which it is found.
    word("key"),
    word("name"),
    word("type"),
    word("kind"),
    document("definition"),
    word("state"),
    document("cursor"),
    # Null: the clock has nothing to do with it.
    instant("next_at", nullable=True),
    instant("removed_until", nullable=True),
    sa.Column("blocked", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("revision", sa.Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    sa.UniqueConstraint("scope", "key"),
    one_of("state", TriggerState),
    sa.CheckConstraint("revision >= 1", name="revision"),
    partial("ix_triggers_next", "next_at", "id", where="state = 'started' AND next_at IS NOT NULL"),
    partial("ix_triggers_started", "kind", "id", where="state = 'started'"),
)

watched_files = sa.Table(
    "watched_files",
    metadata,
    word("scope"),
    # No foreign key: a trigger's row is written anew with each change.
    word("trigger_id"),
    word("path"),
    sa.Column("size", sa.BigInteger, nullable=False),
    word("stamp"),
    sa.Column("settled", sa.Boolean, nullable=False),
    sa.Column("noticed", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint("trigger_id", "path"),
)

trigger_runs = sa.Table(
    "trigger_runs",
    metadata,
    word("id", primary_key=True),
    word("scope"),
    # No foreign key: what a trigger has done outlives it.
    word("trigger_id"),
    word("trigger_key"),
    word("trigger_name"),
    word("trigger_type"),
    # The occurrence, window or event: whoever makes it, it is there once.
    word("key"),
    word("status"),
    word("message"),
    document("facts"),
    document("pipelines"),
    instant("window_start", nullable=True),
    instant("window_end", nullable=True),
    # No foreign key: it may be removed before.
    word("run_id", nullable=True),
    document("given", nullable=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    instant("try_at", nullable=True),
    instant("waits_since", nullable=True),
    document("dependencies"),
    instant("created_at"),
    instant("updated_at"),
    instant("ended_at", nullable=True),
    sa.UniqueConstraint("scope", "trigger_id", "key"),
    one_of("status", TriggerRunStatus),
    sa.CheckConstraint(f"(status IN ({TRIGGER_RUN_OPEN})) = (ended_at IS NULL)", name="ended"),
    sa.CheckConstraint("status <> 'running' OR run_id IS NOT NULL", name="running"),
    sa.CheckConstraint("(window_start IS NULL) = (window_end IS NULL)", name="window"),
    sa.CheckConstraint("attempt >= 0", name="attempt"),
    sa.Index("ix_trigger_runs_scope_created", "scope", "created_at", "id"),
    sa.Index("ix_trigger_runs_scope_trigger_created", "scope", "trigger_key", "created_at", "id"),
    sa.Index("ix_trigger_runs_scope_status_created", "scope", "status", "created_at", "id"),
    partial("ix_trigger_runs_open", "trigger_id", "window_start", where=f"status IN ({TRIGGER_RUN_OPEN})"),
    partial("ix_trigger_runs_running", "run_id", where="status = 'running'"),
    partial("ix_trigger_runs_windows", "trigger_id", "window_start", "status", where="window_start IS NOT NULL"),
    partial("ix_trigger_runs_ended", "ended_at", "id", where="ended_at IS NOT NULL"),
)
