"""Where log lines go: to a file in the home for commands, to standard error for processes that stay."""

import logging
import sys
from pathlib import Path
from typing import TextIO

import structlog

from headrace import config
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
    _write(target, settings.log_level)


def to_standard_error(settings: config.Settings) -> None:
    """Write log lines to standard error, as a service does."""
    _write(sys.stderr, settings.log_level)


def _rotate(path: Path) -> None:
    if path.exists() and path.stat().st_size > _LIMIT:
        path.replace(path.with_suffix(".log.old"))


def _write(target: TextIO, level: str) -> None:
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(target),
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        logging.Formatter('{"timestamp": "%(asctime)s", "logger": "%(name)s", "event": "%(message)s"}')
    )
    logging.basicConfig(handlers=[handler], level=max(least, logging.WARNING), force=True)
