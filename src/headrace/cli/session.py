"""An installation, opened for one command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace import config
from headrace.bootstrap.application import Application, open_application

# ruff: noqa: PLC0415 — what logs is loaded where an installation is opened, and not before


@contextmanager
def opened(home: Path | None) -> Iterator[Application]:
    """Yield the installation in ``home`` (None: as the settings say), with this person's rights to files.

    Raises:
        Problem: as ``config.load`` and ``open_application``.
    """
    from headrace.cli.logs import to_file

    settings = config.load(home=home)
    to_file(settings)
    with open_application(settings, unrestricted=True) as application:
        yield application
