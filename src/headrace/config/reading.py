"""Reading settings: the one reader of the environment and of ``headrace.toml``.

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
from dataclasses import replace
from pathlib import Path
from typing import Any

from headrace.config.settings import PREFIX, Settings, write
from headrace.core.client import static_tokens
from headrace.core.database_urls import parse_database_urls
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.executors import parse_executors
from headrace.core.job_limits import ENGINE_OPERATIONS
from headrace.core.mapped_folders import parse_mapped_folders
from headrace.core.storage_accounts import parse_storage_accounts

FILE_NAME = "headrace.toml"
"""The name of the settings file, in the home and in the working directory."""
MASK = "******"
"""Shown in the place of a secret."""

_SANDBOX = re.compile(r"[a-z0-9][a-z0-9-]{0,255}")
_FACTORY = re.compile(r"[^/\x00-\x1f]{1,200}/[-\w._()]{1,90}/(?=.{3,63}\Z)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_STANDARD = {"otel_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT", "otel_headers": "OTEL_EXPORTER_OTLP_HEADERS"}
"""Settings that have a name in the environment which other programs read too."""
_TOGETHER = frozenset({"heartbeat_seconds", "dead_after_seconds"})
"""Settings that have to fit each other."""
_URL = re.compile(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?")
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


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
    for name, standard in _STANDARD.items():
        if environment.get(standard) and not merged.get(name):
            merged[name] = environment[standard]
    return _complete(root, directory, _parse_all(merged, directory))


def diagnose(
    environment: Mapping[str, str] | None = None, home: Path | None = None, directory: Path | None = None
) -> tuple[Settings, tuple[Problem, ...]]:
    """Return the settings as ``load`` does, and everything that is wrong with them; what is wrong has its default. Never fails."""
    environment = os.environ if environment is None else environment
    directory = (directory or Path.cwd()).resolve()
    faults: list[Problem] = []
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    given = _known(given, "the environment", lambda name: PREFIX + name.upper(), faults)
    nearby = _known_of_file(directory / FILE_NAME, faults)
    chosen = home or Path(str(given.get("home") or nearby.get("home") or Settings.__dataclass_fields__["home"].default))
    root = (directory / chosen.expanduser()).resolve()
    in_home = {} if root == directory else _known_of_file(root / FILE_NAME, faults)
    merged = {**nearby, **in_home, **{name: value for name, value in given.items() if value != ""}}
    merged.pop("home", None)
    good: dict[str, Any] = {}
    for name, value in merged.items():
        # Each by itself, so that one that is wrong hides no other.
        try:
            parsed = _parse_all({name: value}, directory)
            if name not in _TOGETHER:
                _complete(root, directory, dict(parsed))
            good |= parsed
        except Problem as problem:
            faults.append(_of_setting(name, problem))
    try:
        return _complete(root, directory, dict(good)), tuple(faults)
    except Problem as problem:
        alone = {name: value for name, value in good.items() if name not in _TOGETHER}
        return _complete(root, directory, alone), (*faults, problem)


def environment() -> Mapping[str, str]:
    """Return a copy of the process's environment, for flow files that name variables of it."""
    return dict(os.environ)


def is_debugging() -> bool:
    """Say whether ``HEADRACE_DEBUG`` asks for tracebacks; never fails, since it is asked when something has failed already."""
    return os.environ.get(PREFIX + "DEBUG", "").lower() not in {"", "0", "false", "no", "off"}


def has_colours() -> bool:
    """Say whether terminals may be sent colours: not with ``NO_COLOR`` (whatever it holds), nor where the terminal is a dumb one."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


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
    return f"`{write(field.default)}`" if shown is None else str(shown)


def _read_file(path: Path) -> dict[str, Any]:
    values = _parse_file(path)
    _refuse_unknown(values, str(path), lambda name: name)
    return values


def _of_setting(name: str, problem: Problem) -> Problem:
    """Return the problem with the setting's name: who refuses a token does not know in which one it stands."""
    fields = problem.fields or (FieldError("", problem.message),)
    named = [one if one.path == name else replace(one, path=f"{name} {one.path}".rstrip()) for one in fields]
    return Problem.of_fields(problem.code, "the configuration", tuple(named))


def _known_of_file(path: Path, faults: list[Problem]) -> dict[str, Any]:
    try:
        return _known(_parse_file(path), str(path), lambda name: name, faults)
    except Problem as problem:
        faults.append(problem)
        return {}


def _known(values: dict[str, Any], where: str, spell: Any, faults: list[Problem]) -> dict[str, Any]:
    try:
        _refuse_unknown(values, where, spell)
    except Problem as problem:
        faults.append(problem)
    return {name: value for name, value in values.items() if name in Settings.__dataclass_fields__}


def _parse_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(Code.MALFORMED, f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise Problem(Code.MALFORMED, f"{path} is not TOML: {error}") from error


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
    if field.name == "log_format" and value not in {"json", "console"}:
        raise ValueError("json or console")
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
    static_tokens(settings.jobs_tokens)
    static_tokens(settings.native_tokens)
    if settings.url and not _URL.fullmatch(settings.url):
        raise _wrong("url", "is no address of a server", "http:// or https://, a host, and no user or query")
    for name in ("otel_endpoint", "openlineage_url"):
        if getattr(settings, name) and not _URL.fullmatch(getattr(settings, name)):
            raise _wrong(name, "is no address of a server", "http:// or https://, a host, and no user or query")
    unknown = set(settings.jobs_engine_operations) - ENGINE_OPERATIONS - {"none"}
    if unknown:
        words = ", ".join(sorted(ENGINE_OPERATIONS))
        raise _wrong(
            "jobs_engine_operations", f"{min(unknown)!r} is no operation of the engine", f"of {words}, or none"
        )
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
