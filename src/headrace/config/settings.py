"""What can be set: one field a setting, with the line that the reference has of it."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.clock import DAY, SECOND
from headrace.core.errors import Code, Problem
from headrace.core.job_limits import ENGINE_OPERATIONS, JobLimits, ScriptLimits

PREFIX = "HEADRACE_"
"""What the names of settings begin with in the environment."""


def setting(
    default: Any, doc: str, *, like: str = "text", shown: str | None = None, least: float = 0, secret: bool = False
) -> Any:
    """Return a dataclass field with its doc line; ``like`` is how it is written, ``shown`` the default in the docs' words."""
    metadata = {"doc": doc, "like": like, "shown": shown, "least": least, "secret": secret}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation is set to. Made by ``load``; paths are absolute."""

    home: Path = setting(  # noqa: RUF009 — the default is a field made by dataclasses.field, with its doc line
        Path(".headrace"), "Directory of everything that Headrace keeps; made with mode 0700.", like="path"
    )
    database_url: str = setting(
        "",
        "The ledger: `sqlite:///…` or `postgresql://…`.",
        like="URL",
        shown="`ledger.db` in the home",
        secret=True,
    )
    lake_url: str = setting(
        "", "Where Delta tables are: a directory or `file:///…`.", like="URL", shown="`lake` in the home"
    )
    landing_url: str = setting(
        "",
        "Where copies lay down what they read: a directory or `file:///…`, shared by all workers.",
        like="URL",
        shown="`landing` in the home",
    )
    file_roots: tuple[Path, ...] = setting(
        (),
        "Directories that a server's flows may read, `:`-separated (a list in the file). A flow file that a person runs has that person's rights.",
        like="paths",
        shown="none but `files` in the home",
    )
    secret_key: str = setting(
        "",
        "Seals the secrets of connections and signs tokens: 32 random bytes in base64; several, comma-separated: the first seals, all open.",
        like="key",
        shown="`secret.key` in the home, made at first start",
        secret=True,
    )
    public_url: str = setting(
        "",
        "The address under which callers reach this server, for links and callbacks.",
        like="URL",
        shown="the address that a request came to",
    )
    workers: int = setting(1, "Worker processes that `headrace serve` starts and supervises.", like="number")
    worker_concurrency: int = setting(8, "Runs that one worker process has in hand at once.", like="number", least=1)
    poll_seconds: float = setting(0.02, "How often an idle worker looks for runs.", like="seconds", least=0.001)
    heartbeat_seconds: float = setting(1.0, "How often a worker says that it is alive.", like="seconds", least=0.05)
    dead_after_seconds: float = setting(
        6.0, "A worker that has been silent for so long is dead: others take its runs over.", like="seconds", least=0.2
    )
    drain_seconds: float = setting(
        30.0, "How long a worker that is told to stop goes on with what it has in hand.", like="seconds"
    )
    retention_days: int = setting(45, "Ended runs and their diagnostics are kept for so long.", like="days", least=1)
    landing_days: int = setting(
        7, "Landed data of ended runs are kept for so long; a retry after that reads the source again.", like="days"
    )
    landing_zone_url: str = setting(
        "",
        "Where the Data Landing Zone of each sandbox has its directory: a directory or `file:///…`, shared by all workers.",
        like="URL",
        shown="`landing-zone` in the home",
    )
    landing_zone_days: int = setting(
        7, "Files in the Data Landing Zone are removed when they have not changed for so long.", like="days", least=1
    )
    request_key_days: int = setting(
        7, "For so long, a repeated request with the same key answers with the first run.", like="days", least=1
    )
    memory_limit: str = setting("1GB", "Memory that one promotion may use before it spills to disk.", like="size")
    threads: int = setting(
        0, "Threads of one promotion; 0: as many as the machine has cores.", like="number", shown="all cores"
    )
    max_row_bytes: int = setting(64 << 20, "A longer row is unreadable.", like="size", shown="64 MiB", least=1024)
    max_columns: int = setting(10_000, "A source with more columns is refused.", like="number", least=1)
    max_archive_members: int = setting(100_000, "An archive of more files is refused.", like="number", least=1)
    max_archive_ratio: float = setting(
        200.0,
        "An archive that unpacks to more than 256 MiB, and to more than this many times its size, is refused.",
        like="number",
        least=1,
    )
    max_archive_bytes: int = setting(
        64 << 30, "An archive of more unpacked bytes is refused.", like="size", shown="64 GiB", least=1
    )
    max_body_bytes: int = setting(
        64 << 20, "A request with a longer body is refused.", like="size", shown="64 MiB", least=1024
    )
    requests_per_minute: int = setting(
        0,
        "A client that asks a server more often is told to come again later (429); 0: as often as it likes.",
        like="number",
        shown="no limit",
    )
    token_minutes: int = setting(
        0,
        "A token is good for so long; 0: as long as its door's clients expect (Flow Service: 24 hours, Data Factory: 1 hour).",
        like="minutes",
        shown="by door",
    )
    egress_allow: tuple[str, ...] = setting(
        (),
        "Hosts and networks that connections may reach although they are private, comma-separated (`10.0.0.0/8`, `db.internal`).",
        like="hosts",
        shown="none",
    )
    flowservice_sandboxes: tuple[str, ...] = setting(
        ("prod",),
        "Sandboxes that every organisation of the Flow Service door has, comma-separated; `prod` is always one of them.",
        like="names",
    )
    flowservice_refuse_past_start: bool = setting(
        default=False,
        doc="Flows of the Flow Service door whose start lies more than 300 s back are refused; else a start in the past means now.",
        like="yes or no",
        shown="no",
    )
    flowservice_tokens: tuple[str, ...] = setting(
        (),
        "Tokens of the Flow Service door that never expire, comma-separated, each as `NAME:ROLE:TOKEN`. The role is `reader`, `operator`, `admin` "
        "or `service`; the name counts as an API key.",
        like="names",
        shown="none",
        secret=True,
    )
    datafactory_tokens: tuple[str, ...] = setting(
        (),
        "Tokens of the Data Factory door that never expire, comma-separated, each as `NAME:ROLE:TOKEN`. Without any, who asks from this machine "
        "needs no token while the server listens on a loopback address.",
        like="names",
        shown="none",
        secret=True,
    )
    datafactory_factories: tuple[str, ...] = setting(
        (),
        "Data factories that are there from the first start, comma-separated, each as `SUBSCRIPTION/GROUP/FACTORY`; others are made with PUT.",
        like="names",
        shown="none",
    )
    datafactory_waiting_runs: int = setting(
        100,
        "So many runs of one pipeline may wait for their beginning; createRun refuses further ones with 429.",
        like="number",
        least=1,
    )
    datafactory_activities: str = setting(
        "",
        'What executes types of pipeline activities that nothing here does: `{"Custom": {"command": ["/usr/bin/runner"]}, '
        '"DatabricksNotebook": {"url": "http://…"}}`. docs/reference/data-factory-activities.md says what they are given.',
        like="JSON object",
        shown="nothing",
    )
    datafactory_databases: str = setting(
        "",
        "Databases that stand for those that pipelines name: URLs by the names of linked services or servers, such as "
        '`{"sql.example": "postgresql://user:password@localhost/{database}", "Orders": "sqlite:////data/orders.db"}`.',
        like="JSON object",
        shown="none",
        secret=True,
    )
    datafactory_folders: str = setting(
        "",
        'Directories that stand for hosts of FileServer linked services, such as `{"//server/share": "/data/share"}`; '
        "they lie below the file roots, too.",
        like="JSON object",
        shown="none",
    )
    datafactory_secrets: str = setting(
        "",
        "Where pipelines find the secrets that they name as AzureKeyVaultSecret: a directory with a file for each, a file with a JSON object, or "
        "`env:PREFIX_` for environment variables (`PREFIX_MY_SECRET` for `my-secret`).",
        like="place",
        shown="nowhere",
    )
    datafactory_token_url: str = setting(
        "",
        "Where web activities get tokens for managed identities and service principals: an endpoint that answers "
        "`GET ?resource=…` as Azure's instance metadata service does.",
        like="URL",
        shown="nowhere",
    )
    datafactory_watch_seconds: float = setting(
        5.0,
        "Seconds from one look at a store that a trigger watches to the next. A new file is told of when two looks have found it as it is.",
        like="seconds",
        least=0.05,
    )
    datafactory_storage_accounts: str = setting(
        "",
        "Linked services that stand for the storage accounts which triggers name as their `scope`: "
        '`{"/subscriptions/…/storageAccounts/sales": "SalesFiles"}`.',
        like="JSON object",
        shown="none",
    )
    jobs_tokens: tuple[str, ...] = setting(
        (),
        "Tokens of the Jobs door that never expire, `NAME:ROLE:TOKEN` each: they reach every environment, as personal access tokens do.",
        like="names",
        shown="none",
        secret=True,
    )
    jobs_ack_seconds: float = setting(
        300.0, "A listener that was told of a job has to acknowledge it within this time.", like="seconds", least=0.1
    )
    jobs_heartbeat_seconds: float = setting(
        600.0, "A job that a listener does fails when nothing was heard of it for so long.", like="seconds", least=0.1
    )
    jobs_event_delay_ms: int = setting(
        400, "Events are held so long, so that the answer to the request that caused them is there first.", like="ms"
    )
    jobs_event_days: int = setting(7, "Events are kept for so long.", like="days", least=1)
    jobs_subscribe_seconds: float = setting(
        25.0, "How long the answer to a listener that waits for events may take.", like="seconds", least=0.1
    )
    jobs_commit_seconds: float = setting(
        600.0, "A commit of records that nobody completes is complete after this time.", like="seconds", least=0.1
    )
    jobs_auto_extract: tuple[str, ...] = setting(
        ("csv", "tsv", "psv"),
        "Extensions of uploaded files that are extracted at once; `none`: no file is.",
        like="names",
    )
    jobs_engine_operations: tuple[str, ...] = setting(
        (),
        "Operations of jobs that the engine does itself; the others are left to listeners; `none`: all are.",
        like="names",
        shown="all that it knows",
    )
    jobs_max_parts: int = setting(10_000, "A job is split into at most so many parts.", like="number", least=1)
    jobs_max_file_bytes: int = setting(1 << 30, "A larger file is refused.", like="size", shown="1 GiB", least=1)
    jobs_max_body_bytes: int = setting(
        64 << 20, "A larger body of JSON is refused.", like="size", shown="64 MiB", least=1024
    )
    jobs_max_unpacked_bytes: int = setting(
        512 << 20, "A body that unpacks to more is refused.", like="size", shown="512 MiB", least=1024
    )
    jobs_script_seconds: float = setting(
        5.0, "What a script that changes records may take for one request or one chunk.", like="seconds", least=0.1
    )
    jobs_script_heap: int = setting(
        64 << 20, "Memory that such a script may use.", like="size", shown="64 MiB", least=1 << 20
    )
    native_tokens: tuple[str, ...] = setting(
        (),
        "Tokens of the native API that never expire, comma-separated, each as `NAME:ROLE:TOKEN`. The role is `reader`, `operator`, `admin` or "
        "`service`.",
        like="names",
        shown="none",
        secret=True,
    )
    native_max_upload_bytes: int = setting(
        1 << 30, "A larger file of corrected rows is refused.", like="size", shown="1 GiB", least=1024
    )
    max_event_streams: int = setting(
        200,
        "So many pages and scripts may follow runs live at the same time; further ones look again and again.",
        like="number",
    )
    url: str = setting(
        "",
        "The server that commands ask (as `--url`), such as `https://headrace.example`; none: the home on this machine.",
        like="URL",
        shown="none",
    )
    token: str = setting(
        "", "What commands show that server: a token of its native API.", like="token", shown="none", secret=True
    )
    client_id: str = setting(
        "", "The client that commands get a token for, where `token` is not set.", like="id", shown="none"
    )
    client_secret: str = setting("", "That client's secret.", like="secret", shown="none", secret=True)
    log_level: str = setting("info", "Least level of log lines: `debug`, `info`, `warning` or `error`.")
    log_format: str = setting(
        "",
        "How processes that stay write log lines: `json`, one object a line, or `console`, for people.",
        shown="`console` on a terminal, else `json`",
    )
    access_log: bool = setting(
        default=False, doc="`headrace serve` logs every request that it has answered.", like="yes or no", shown="no"
    )
    run_log_lines: int = setting(
        5000, "Log lines that are kept of a run, the last tenth for warnings and errors; 0: none.", like="number"
    )
    otel_endpoint: str = setting(
        "",
        "Where traces of runs go, by OTLP over HTTP: `http://collector:4318` (`/v1/traces` is put behind it).",
        like="URL",
        shown="`OTEL_EXPORTER_OTLP_ENDPOINT`; none: no traces",
    )
    otel_headers: str = setting(
        "",
        "Headers that are sent with them: `name=value`, comma-separated.",
        shown="`OTEL_EXPORTER_OTLP_HEADERS`",
        secret=True,
    )
    openlineage_url: str = setting(
        "", "Where OpenLineage events of runs go: `http://catalog:5000`.", like="URL", shown="no events"
    )
    openlineage_token: str = setting("", "The API key that is sent with them.", shown="none", secret=True)
    openlineage_namespace: str = setting("headrace", "The namespace of the jobs that they tell of.")
    debug: bool = setting(
        default=False,
        doc="Commands show where a bug is (a traceback) instead of one line.",
        like="yes or no",
        shown="no",
    )
    crash_at: str = setting(
        "",
        "For tests: the process kills itself at this crash point (`name`, or `name:3` for the third time).",
        shown="never",
    )

    @property
    def lake(self) -> Path:
        """Return the directory of the lake."""
        return directory_of("lake_url", self.lake_url)

    @property
    def landing(self) -> Path:
        """Return the directory of the landing."""
        return directory_of("landing_url", self.landing_url)

    @property
    def landing_zone(self) -> Path:
        """Return the directory below which each sandbox has its landing zone."""
        return directory_of("landing_zone_url", self.landing_zone_url)

    @property
    def job_limits(self) -> JobLimits:
        """Return the limits and times of jobs and their workspace."""
        known = set(self.jobs_engine_operations) - {"none"} if self.jobs_engine_operations else ENGINE_OPERATIONS
        return JobLimits(
            ack_timeout=round(self.jobs_ack_seconds * SECOND),
            heartbeat_timeout=round(self.jobs_heartbeat_seconds * SECOND),
            event_delay_ms=self.jobs_event_delay_ms,
            event_retention=self.jobs_event_days * DAY,
            subscribe_wait_seconds=self.jobs_subscribe_seconds,
            commit_timeout=round(self.jobs_commit_seconds * SECOND),
            auto_extract=frozenset(name.lower().lstrip(".") for name in self.jobs_auto_extract) - {"none"},
            engine_operations=frozenset(known),
            max_parts=self.jobs_max_parts,
            max_json_bytes=self.jobs_max_body_bytes,
            max_unpacked_bytes=self.jobs_max_unpacked_bytes,
            max_file_bytes=self.jobs_max_file_bytes,
            script=ScriptLimits(request_seconds=self.jobs_script_seconds, heap_bytes=self.jobs_script_heap),
        )

    @property
    def key_file(self) -> Path:
        """Return the file that the key is kept in when ``secret_key`` is empty."""
        return self.home / "secret.key"

    @property
    def is_embedded(self) -> bool:
        """Say whether the ledger is a SQLite file: one machine, made and upgraded at first use."""
        return self.database_url.startswith("sqlite")

    def to_environment(self) -> dict[str, str]:
        """Return the variables that make ``load`` give these settings in a child process."""
        return {PREFIX + field.name.upper(): write(getattr(self, field.name)) for field in dataclasses.fields(self)}


def directory_of(key: str, url: str) -> Path:
    """Return the directory of a URL that ``load`` has made.

    Raises:
        Problem: ``INVALID``: it was not.
    """
    if not url.startswith("file:///"):
        raise Problem(Code.INVALID, f"{key} is not set; settings are made by headrace.config.load")
    return Path(url.removeprefix("file://"))


def write(value: object) -> str:
    """Return a value as it stands in the environment."""
    if isinstance(value, tuple):
        separator = os.pathsep if value and isinstance(value[0], Path) else ","
        return separator.join(str(item) for item in value)
    return str(value)
