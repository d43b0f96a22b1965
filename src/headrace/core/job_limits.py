"""Limits and times of jobs and their workspace; the settings ``HEADRACE_JOBS_…`` overrule the defaults."""

from dataclasses import dataclass, field

from headrace.core.clock import DAY, MINUTE

ENGINE_OPERATIONS = frozenset(
    {"extract", "map", "delete-records", "export", "find-replace", "mutate-records", "snapshot"}
)
"""Operations that the engine knows; which types and configurations they need says ``core.engine_operations``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLimits:
    """What a script that changes records may take."""

    preview_records: int = 100
    call_seconds: float = 0.05
    request_seconds: float = 5.0
    heap_bytes: int = 64 << 20
    stack_bytes: int = 512 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """Times in microseconds unless the name says otherwise."""

    ack_timeout: int = 5 * MINUTE
    """From the first delivery of word that an attempt is ready to its first acknowledgement."""
    heartbeat_timeout: int = 10 * MINUTE
    """Between two signs of life of whoever does a job."""
    event_delay_ms: int = 400
    """How long word is held after its transaction, so that the answer to the request is there first."""
    event_retention: int = 7 * DAY
    subscribe_wait_seconds: float = 25.0
    commit_timeout: int = 10 * MINUTE
    """After which a commit that nobody completes is complete."""
    auto_extract: frozenset[str] = frozenset({"csv", "tsv", "psv"})
    """Extensions of files that are extracted as soon as they are there."""
    engine_operations: frozenset[str] = ENGINE_OPERATIONS
    max_parts: int = 10_000
    max_json_bytes: int = 64 << 20
    max_unpacked_bytes: int = 512 << 20
    max_file_bytes: int = 1 << 30
    max_document_bytes: int = 1 << 20
    """Of ``input``, ``config``, ``outcome`` and ``result`` each."""
    commit_records: int = 10_000
    """Records that one commit has at most."""
    script: ScriptLimits = field(default_factory=ScriptLimits)
