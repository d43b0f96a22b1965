"""What an engine is set to; bootstrap fills it from the settings."""

from dataclasses import dataclass

HEAVY_KINDS = frozenset({"copy", "promote", "replay"})
"""Kinds of activities that take a core for as long as they last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Settings of one engine, that is of one worker process. Durations are seconds.

    ``app_version`` names the shape of the durable workflow, not the release: runs queued under one version are done by workers of that
    version only, so it changes when the workflow's shape does, and never else. ``executor_id`` None: a new one for each process. That is
    right everywhere but in tests: a process that starts with the id of a dead one would take its runs back behind the ledger's back.
    """

    app_version: str = "1"
    executor_id: str | None = None
    heartbeat_seconds: float = 1.0
    dead_after_seconds: float = 6.0
    """A worker whose heartbeat is older than this is dead: others take its runs over, and it may not write any more."""
    worker_concurrency: int = 8
    """Runs of unbounded flows that this worker has in hand at once; runs that only wait do not count."""
    heavy_concurrency: int = 2
    """Activities of ``heavy_kinds`` that this worker does at once, each in a thread."""
    light_concurrency: int = 16
    """Other activities that this worker does at once."""
    heavy_kinds: frozenset[str] = HEAVY_KINDS
    poll_seconds: float = 0.02
    """How often the queue is looked at."""
    bounded_poll_seconds: float = 0.02
    """How often the queues of flows with a bound are looked at, and the one of waiting runs; on PostgreSQL ten times a second at most."""
    watch_seconds: float = 0.5
    """How often the watcher asks the ledger whether a run in hand is to be cancelled, or has a signal."""
    park_after_seconds: float = 5.0
    """A run that will do nothing for this long gives its place among the working runs back."""
    stop_seconds: float = 10.0
    """How long an activity that was told to stop is waited for, before it is left to itself and counted as ended."""
    drain_seconds: float = 30.0
    """How long running activities may go on when the worker is told to stop."""
    log_lines: int = 5000
    """Log lines that are kept of a run; 0: none."""
    takeovers: int = 5
    """An activity whose worker was lost so many times is given up: the poison that kills every worker. Workers that stopped do not count."""
