"""Where log lines go, and how they are written: to a file in the home for commands, to standard error for processes that stay.

Every line has its time, its level and what happened; a line of a run its id, the activity's path and the attempt; one of a worker or a request
their ids. What libraries log through ``logging`` (uvicorn, dbos) is written in the same form.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, Processor, WrappedLogger

from headrace import config
from headrace.core import run_log
from headrace.core.errors import Code, Problem

FILE_NAME = "headrace.log"
"""The log of commands, in the home."""
_LIMIT = 10 * 1024 * 1024


def to_file(settings: config.Settings) -> None:
    """Write log lines to the home's file, so that a person who runs a command reads only what is meant for them.

    Raises:
        Problem: ``INVALID``: the home cannot be made or written.
    """
    path = settings.home / FILE_NAME
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _rotate(path)
        # Open until the process ends: threads of the engine may have something to say until then.
        target = path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise Problem(Code.INVALID, f"the home {settings.home} cannot be written: {error.strerror}") from None
    write_to(target, settings.log_level, _json())


def to_standard_error(settings: config.Settings, *, bound: Mapping[str, str] | None = None) -> None:
    """Write log lines to standard error, as a service does. ``bound``: what every line of this process says besides."""
    console = settings.log_format == "console" or (not settings.log_format and sys.stderr.isatty())
    write_to(sys.stderr, settings.log_level, _console(sys.stderr) if console else _json(), bound)


def write_to(target: TextIO, level: str, render: Processor, bound: Mapping[str, str] | None = None) -> None:
    """Write lines of ``level`` and worse to ``target``. What is a run's goes to the ledger from ``info`` on, whatever ``level`` is."""
    least = logging.getLevelNamesMapping()[level.upper()]

    def enough(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if run_log.LEVELS.get(method, logging.ERROR) < least:
            raise structlog.DropEvent
        return event

    def named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**bound, **event} if bound else event

    written: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
        structlog.processors.format_exc_info,
        render,
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, run_log.noted, enough, *written],
        wrapper_class=structlog.make_filtering_bound_logger(min(least, logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(target),
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_OfLibraries(render, bound or {}))
    logging.basicConfig(handlers=[handler], level=max(least, logging.WARNING), force=True)


class _OfLibraries(logging.Formatter):
    """Writes what libraries log as our own lines are written."""

    def __init__(self, render: Processor, bound: Mapping[str, str]) -> None:
        super().__init__()
        self._render = render
        self._bound = bound

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        event: EventDict = {
            **self._bound,
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": f"{moment}.{int(record.msecs):03d}Z",
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return str(self._render(None, record.levelname.lower(), event))


def _json() -> Processor:
    # One encoder for all lines: `json.dumps` makes a new one for each.
    encode = json.JSONEncoder(default=str).encode

    def render(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
        return encode(event)

    return render


def _console(target: TextIO) -> Processor:
    colours = target.isatty() and not config.environment().get("NO_COLOR")
    return ConsoleRenderer(colors=colours, exception_formatter=plain_traceback, pad_event_to=0)


def _rotate(path: Path) -> None:
    if path.exists() and path.stat().st_size > _LIMIT:
        path.replace(path.with_suffix(".log.old"))
