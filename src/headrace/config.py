"""Settings: the one reader of the environment and of ``headrace.toml``.

A setting has one name in both places: ``HEADRACE_RETENTION_DAYS`` in the environment is ``retention_days`` in the file. What counts, from
the strongest: a command's own option, the environment, ``headrace.toml`` in the home, ``headrace.toml`` in the working directory, the default.
``docs/reference/settings.md`` is made from the fields below by ``reference()``, and a test keeps it in step.
"""

import dataclasses
import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.client import static_tokens
from headrace.core.database_urls import parse_database_urls
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.executors import parse_executors
from headrace.core.mapped_folders import parse_mapped_folders
from headrace.core.storage_accounts import parse_storage_accounts

PREFIX = "HEADRACE_"
"""What the names of settings begin with in the environment."""
FILE_NAME = "headrace.toml"
"""The name of the settings file, in the home and in the working directory."""
MASK = "******"
"""Shown in the place of a secret."""

_SANDBOX = re.compile(r"[a-z0-9][a-z0-9-]{0,255}")
_FACTORY = re.compile(r"[^/\x00-\x1f]{1,200}/[-\w._()]{1,90}/(?=.{3,63}\Z)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?")
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def _setting(
    default: Any, doc: str, *, like: str = "text", shown: str | None = None, least: float = 0, secret: bool = False
) -> Any:
    """Return a dataclass field with its doc line; ``like`` is how it is written, ``shown`` the default in the docs' words."""
    metadata = {"doc": doc, "like": like, "shown": shown, "least": least, "secret": secret}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation is set to. Made by ``load``; paths are absolute."""

    home: Path = _setting(  # noqa: RUF009 — the default is a field made by dataclasses.field, with its doc line
        Path(".headrace"), "Directory of everything that Headrace keeps; made with mode 0700.", like="path"
    )
    database_url: str = _setting(
        "",
        "The ledger: `sqlite:///…` or `postgresql://…`.",
        like="URL",
        shown="`ledger.db` in the home",
        secret=True,
    )
    lake_url: str = _setting(
        "", "Where Delta tables are: a directory or `file:///…`.", like="URL", shown="`lake` in the home"
    )
    landing_url: str = _setting(
        "",
        "Where copies lay down what they read: a directory or `file:///…`, shared by all workers.",
        like="URL",
        shown="`landing` in the home",
    )
    file_roots: tuple[Path, ...] = _setting(
        (),
        "Directories that a server's flows may read, `:`-separated (a list in the file). A flow file that a person runs has that person's rights.",
        like="paths",
        shown="none but `files` in the home",
    )
    secret_key: str = _setting(
        "",
        "Seals the secrets of connections and signs tokens: 32 random bytes in base64; several, comma-separated: the first seals, all open.",
        like="key",
        shown="`secret.key` in the home, made at first start",
        secret=True,
    )
    public_url: str = _setting(
        "",
        "The address under which callers reach this server, for links and callbacks.",
        like="URL",
        shown="the address that a request came to",
    )
    workers: int = _setting(1, "Worker processes that `headrace serve` starts and supervises.", like="number")
    worker_concurrency: int = _setting(8, "Runs that one worker process has in hand at once.", like="number", least=1)
    poll_seconds: float = _setting(0.02, "How often an idle worker looks for runs.", like="seconds", least=0.001)
    heartbeat_seconds: float = _setting(1.0, "How often a worker says that it is alive.", like="seconds", least=0.05)
    dead_after_seconds: float = _setting(
        6.0, "A worker that has been silent for so long is dead: others take its runs over.", like="seconds", least=0.2
    )
    drain_seconds: float = _setting(
        30.0, "How long a worker that is told to stop goes on with what it has in hand.", like="seconds"
    )
    retention_days: int = _setting(45, "Ended runs and their diagnostics are kept for so long.", like="days", least=1)
    landing_days: int = _setting(
        7, "Landed data of ended runs are kept for so long; a retry after that reads the source again.", like="days"
    )
    landing_zone_url: str = _setting(
        "",
        "Where the Data Landing Zone of each sandbox has its directory: a directory or `file:///…`, shared by all workers.",
        like="URL",
        shown="`landing-zone` in the home",
    )
    landing_zone_days: int = _setting(
        7, "Files in the Data Landing Zone are removed when they have not changed for so long.", like="days", least=1
    )
    request_key_days: int = _setting(
        7, "For so long, a repeated request with the same key answers with the first run.", like="days", least=1
    )
    memory_limit: str = _setting("1GB", "Memory that one promotion may use before it spills to disk.", like="size")
    threads: int = _setting(
        0, "Threads of one promotion; 0: as many as the machine has cores.", like="number", shown="all cores"
    )
    max_row_bytes: int = _setting(64 << 20, "A longer row is unreadable.", like="size", shown="64 MiB", least=1024)
    max_columns: int = _setting(10_000, "A source with more columns is refused.", like="number", least=1)
    max_archive_members: int = _setting(100_000, "An archive of more files is refused.", like="number", least=1)
    max_archive_ratio: float = _setting(
        200.0,
        "An archive that unpacks to more than 256 MiB, and to more than this many times its size, is refused.",
        like="number",
        least=1,
    )
    max_archive_bytes: int = _setting(
        64 << 30, "An archive of more unpacked bytes is refused.", like="size", shown="64 GiB", least=1
    )
    max_body_bytes: int = _setting(
        64 << 20, "A request with a longer body is refused.", like="size", shown="64 MiB", least=1024
    )
    requests_per_minute: int = _setting(
        0,
        "A client that asks a server more often is told to come again later (429); 0: as often as it likes.",
        like="number",
        shown="no limit",
    )
    token_minutes: int = _setting(
        0,
        "A token is good for so long; 0: as long as its door's clients expect (Flow Service: 24 hours, Data Factory: 1 hour).",
        like="minutes",
        shown="by door",
    )
    egress_allow: tuple[str, ...] = _setting(
        (),
        "Hosts and networks that connections may reach although they are private, comma-separated (`10.0.0.0/8`, `db.internal`).",
        like="hosts",
        shown="none",
    )
    flowservice_sandboxes: tuple[str, ...] = _setting(
        ("prod",),
        "Sandboxes that every organisation of the Flow Service door has, comma-separated; `prod` is always one of them.",
        like="names",
    )
    flowservice_refuse_past_start: bool = _setting(
        default=False,
        doc="Flows of the Flow Service door whose start lies more than 300 s back are refused; else a start in the past means now.",
        like="yes or no",
        shown="no",
    )
    flowservice_tokens: tuple[str, ...] = _setting(
        (),
        "Tokens of the Flow Service door that never expire, comma-separated, each as `NAME:ROLE:TOKEN`. The role is `reader`, `operator`, `admin` "
        "or `service`; the name counts as an API key.",
        like="names",
        shown="none",
        secret=True,
    )
    datafactory_tokens: tuple[str, ...] = _setting(
        (),
        "Tokens of the Data Factory door that never expire, comma-separated, each as `NAME:ROLE:TOKEN`. Without any, who asks from this machine "
        "needs no token while the server listens on a loopback address.",
        like="names",
        shown="none",
        secret=True,
    )
    datafactory_factories: tuple[str, ...] = _setting(
        (),
        "Data factories that are there from the first start, comma-separated, each as `SUBSCRIPTION/GROUP/FACTORY`; others are made with PUT.",
        like="names",
        shown="none",
    )
    datafactory_waiting_runs: int = _setting(
        100,
        "So many runs of one pipeline may wait for their beginning; createRun refuses further ones with 429.",
        like="number",
        least=1,
    )
    datafactory_activities: str = _setting(
        "",
        'What executes types of pipeline activities that nothing here does: `{"Custom": {"command": ["/usr/bin/runner"]}, '
        '"DatabricksNotebook": {"url": "http://…"}}`. docs/reference/data-factory-activities.md says what they are given.',
        like="JSON object",
        shown="nothing",
    )
    datafactory_databases: str = _setting(
        "",
        "Databases that stand for those that pipelines name: URLs by the names of linked services or servers, such as "
        '`{"sql.example": "postgresql://user:password@localhost/{database}", "Orders": "sqlite:////data/orders.db"}`.',
        like="JSON object",
        shown="none",
        secret=True,
    )
    datafactory_folders: str = _setting(
        "",
        'Directories that stand for hosts of FileServer linked services, such as `{"//server/share": "/data/share"}`; '
        "they lie below the file roots, too.",
        like="JSON object",
        shown="none",
    )
    datafactory_secrets: str = _setting(
        "",
        "Where pipelines find the secrets that they name as AzureKeyVaultSecret: a directory with a file for each, a file with a JSON object, or "
        "`env:PREFIX_` for environment variables (`PREFIX_MY_SECRET` for `my-secret`).",
        like="place",
        shown="nowhere",
    )
    datafactory_token_url: str = _setting(
        "",
        "Where web activities get tokens for managed identities and service principals: an endpoint that answers "
        "`GET ?resource=…` as Azure's instance metadata service does.",
        like="URL",
        shown="nowhere",
    )
    datafactory_watch_seconds: float = _setting(
        5.0,
        "Seconds from one look at a store that a trigger watches to the next. A new file is told of when two looks have found it as it is.",
        like="seconds",
        least=0.05,
    )
    datafactory_storage_accounts: str = _setting(
        "",
        "Linked services that stand for the storage accounts which triggers name as their `scope`: "
        '`{"/subscriptions/…/storageAccounts/sales": "SalesFiles"}`.',
        like="JSON object",
        shown="none",
    )
    log_level: str = _setting("info", "Least level of log lines: `debug`, `info`, `warning` or `error`.")
    debug: bool = _setting(
        default=False,
        doc="Commands show where a bug is (a traceback) instead of one line.",
        like="yes or no",
        shown="no",
    )
    crash_at: str = _setting(
        "",
        "For tests: the process kills itself at this crash point (`name`, or `name:3` for the third time).",
        shown="never",
    )

    @property
    def lake(self) -> Path:
        """Return the directory of the lake."""
        return _directory("lake_url", self.lake_url)

    @property
    def landing(self) -> Path:
        """Return the directory of the landing."""
        return _directory("landing_url", self.landing_url)

    @property
    def landing_zone(self) -> Path:
        """Return the directory below which each sandbox has its landing zone."""
        return _directory("landing_zone_url", self.landing_zone_url)

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
        return {PREFIX + field.name.upper(): _write(getattr(self, field.name)) for field in dataclasses.fields(self)}


def load(
    environment: Mapping[str, str] | None = None, home: Path | None = None, directory: Path | None = None
) -> Settings:
    """Return the settings that ``environment`` (default: the process's), the files and the defaults give.

    ``home`` is a command's ``--home`` and wins over all. ``directory`` (default: the working directory) is where relative paths
    start and where the second ``headrace.toml`` may stand. Nothing is created.

    Raises:
        Problem: ``UNKNOWN_FIELD`` for names that nothing reads, with the nearest known name; ``MALFORMED`` for a file that is no TOML;
            ``INVALID`` for values of the wrong form, all at once.
    """
    environment = os.environ if environment is None else environment
    directory = (directory or Path.cwd()).resolve()
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    _refuse_unknown(given, "the environment", lambda name: PREFIX + name.upper())
    nearby = _read_file(directory / FILE_NAME)
    chosen = home or Path(str(given.get("home") or nearby.get("home") or Settings.__dataclass_fields__["home"].default))
    root = (directory / chosen.expanduser()).resolve()
    in_home = {} if root == directory else _read_file(root / FILE_NAME)
    merged: dict[str, Any] = {**nearby, **in_home, **{name: value for name, value in given.items() if value != ""}}
    merged.pop("home", None)
    return _complete(root, directory, _parse_all(merged, directory))


def environment() -> Mapping[str, str]:
    """Return a copy of the process's environment, for flow files that name variables of it."""
    return dict(os.environ)


def is_debugging() -> bool:
    """Say whether ``HEADRACE_DEBUG`` asks for tracebacks; never fails, since it is asked when something has failed already."""
    return os.environ.get(PREFIX + "DEBUG", "").lower() not in {"", "0", "false", "no", "off"}


def reference() -> str:
    """Return the text of ``docs/reference/settings.md``."""
    rows = [
        f"| `{PREFIX}{field.name.upper()}` | `{field.name}` | {field.metadata['like']} | {_default_words(field)} | {field.metadata['doc']} |"
        for field in dataclasses.fields(Settings)
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "<!-- made by headrace.config.reference(); tests/test_config.py keeps it in step -->",
            "",
            "Every setting can stand in the environment or in `headrace.toml`, in the home or in the working directory. The environment",
            "wins over the files, the home's file over the working directory's, and a command's own option (`--home`) over all. A name",
            "that nothing reads is refused, with the nearest known one.",
            "",
            "| in the environment | in the file | written as | default | what it does |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "Sizes are bytes, or have a unit: `KB MB GB TB` (thousands), `KiB MiB GiB TiB` (1024). Lists are comma-separated in the",
            "environment (paths `:`-separated) and lists in the file.",
            "",
        ]
    )


def _default_words(field: "dataclasses.Field[Any]") -> str:
    shown = field.metadata["shown"]
    return f"`{_write(field.default)}`" if shown is None else str(shown)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(Code.MALFORMED, f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise Problem(Code.MALFORMED, f"{path} is not TOML: {error}") from error
    _refuse_unknown(values, str(path), lambda name: name)
    return values


def _refuse_unknown(values: Mapping[str, object], where: str, spell: Any) -> None:
    known = [field.name for field in dataclasses.fields(Settings)]
    errors = []
    for name in values:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f"did you mean {spell(nearest[0])}?" if nearest else "docs/reference/settings.md lists all"
            errors.append(FieldError(spell(name), "is no setting", hint))
    if errors:
        raise Problem.of_fields(Code.UNKNOWN_FIELD, where, tuple(errors))


def _parse_all(values: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    parsed, errors = {}, []
    for name, value in values.items():
        try:
            parsed[name] = _parse(fields[name], value, directory)
        except ValueError as error:
            shown = MASK if fields[name].metadata["secret"] else repr(value)
            errors.append(FieldError(name, f"{shown} does not fit", str(error)))
    if errors:
        raise Problem.of_fields(Code.INVALID, "the configuration", tuple(errors))
    return parsed


def _parse(field: "dataclasses.Field[Any]", value: Any, directory: Path) -> Any:
    like = field.metadata["like"]
    if like == "paths":
        items = value.split(os.pathsep) if isinstance(value, str) else value
        return tuple((directory / Path(str(item)).expanduser()).resolve() for item in items if str(item).strip())
    if like in {"hosts", "names"}:
        items = value.split(",") if isinstance(value, str) else value
        return tuple(str(item).strip() for item in items if str(item).strip())
    if like == "JSON object":
        return _parse_object(value)
    if isinstance(field.default, bool):
        return _parse_flag(value)
    if isinstance(field.default, int | float):
        return _parse_number(field, value)
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("text is expected")
    if field.name == "memory_limit":
        _parse_size(value)
    if field.name == "log_level" and value.lower() not in {"debug", "info", "warning", "error"}:
        raise ValueError("one of debug, info, warning, error")
    return value


def _parse_number(field: "dataclasses.Field[Any]", value: Any) -> int | float:
    kind: type[int | float] = int if isinstance(field.default, int) else float
    least: float = field.metadata["least"]
    if isinstance(value, bool):
        raise ValueError(f"a number ({field.metadata['like']}) is expected")  # noqa: TRY004 — a value in a document, reported with all others
    try:
        number = _parse_size(str(value)) if field.metadata["like"] == "size" else kind(value)
    except ValueError:
        words = "a whole number" if kind is int else "a number"
        raise ValueError(f"{words} ({field.metadata['like']}) is expected") from None
    # Written so that nan is refused too.
    if not least <= number < float("inf"):
        raise ValueError(f"{least:g} or more is expected")
    return kind(number)


def _parse_object(value: Any) -> str:
    """Return the JSON text of an object that is given as text, or as a table of the file."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("a JSON object is expected, or a table of the file")  # noqa: TRY004 — as ``_parse_number``
    return json.dumps(found)


def _parse_flag(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    word = str(value).lower()
    if word not in words:
        raise ValueError("yes or no is expected")
    return words[word]


def _parse_size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError("a size is expected, such as 512MB or 2GiB")
    return int(float(match[1]) * _UNITS[match[2] or "B"])


def _complete(home: Path, directory: Path, values: dict[str, Any]) -> Settings:
    values.setdefault("database_url", f"sqlite:///{home / 'ledger.db'}")
    for name in ("lake", "landing", "landing_zone"):
        key = name + "_url"
        values[key] = _as_file_url(key, values.get(key) or str(home / name.replace("_", "-")), directory)
    settings = Settings(home=home, **values)
    for name in settings.flowservice_sandboxes:
        if not _SANDBOX.fullmatch(name):
            raise _wrong("flowservice_sandboxes", f"{name!r} is no sandbox's name", "lower-case letters, digits and -")
    static_tokens(settings.flowservice_tokens)
    parse_executors(settings.datafactory_activities)
    parse_database_urls(settings.datafactory_databases)
    parse_mapped_folders(settings.datafactory_folders)
    parse_storage_accounts(settings.datafactory_storage_accounts)
    static_tokens(settings.datafactory_tokens)
    for path in settings.datafactory_factories:
        if not _FACTORY.fullmatch(path):
            raise _wrong("datafactory_factories", f"{path!r} is no factory", "SUBSCRIPTION/GROUP/FACTORY")
    if settings.dead_after_seconds < 2 * settings.heartbeat_seconds:
        raise _wrong("dead_after_seconds", "is too short", "at least twice heartbeat_seconds")
    return settings


def _wrong(name: str, what: str, hint: str) -> Problem:
    return Problem.of_fields(Code.INVALID, "the configuration", (FieldError(name, what, hint),))


def _as_file_url(key: str, value: str, directory: Path) -> str:
    if value.startswith("file://") or "://" not in value:
        path = Path(value.removeprefix("file://")).expanduser()
        return f"file://{(directory / path).resolve()}"
    scheme = value.split("://", 1)[0]
    raise Problem(Code.UNSUPPORTED, f"{key}: {scheme}:// is not supported yet; give a directory or file:///…")


def _directory(key: str, url: str) -> Path:
    if not url.startswith("file:///"):
        raise Problem(Code.INVALID, f"{key} is not set; settings are made by headrace.config.load")
    return Path(url.removeprefix("file://"))


def _write(value: object) -> str:
    if isinstance(value, tuple):
        separator = os.pathsep if value and isinstance(value[0], Path) else ","
        return separator.join(str(item) for item in value)
    return str(value)
