"""This process and its settings."""

import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from headrace.bootstrap.checks.finding import Check, Finding, fail, ok, warn
from headrace.bootstrap.checks.ground import Ground
from headrace.core.errors import Code, Problem

OLDEST = (3, 11)
"""The oldest Python that Headrace runs on; a test holds it against the package's own word."""
FEW_FILES = 1024
"""A server and its workers have this many files and connections open on a busy day."""


def _python(_ground: Ground) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        least = ".".join(map(str, OLDEST))
        return fail(
            f"Python {version} is too old", f"install Headrace with Python {least} or newer", where=sys.executable
        )
    return ok(f"Python {version}", sys.executable)


def _settings(ground: Ground) -> Finding:
    if ground.faults:
        return fail("\n".join(_words(ground.faults)), "correct them; `docs/reference/settings.md` lists all settings")
    return ok("all settings are known and good")


def _words(faults: Sequence[Problem]) -> Iterator[str]:
    for fault in faults:
        if not fault.fields:
            yield fault.message
        # Where they stand is said before the colon: the environment, or a file.
        where = fault.message.partition(":")[0].partition(" has ")[0] if fault.code is Code.UNKNOWN_FIELD else ""
        for one in fault.fields:
            place = f" in {where}" if where else ""
            yield f"{one.path} {one.message}{place}" + (f" ({one.hint})" if one.hint else "")


def _open_files(_ground: Ground) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in {-1, resource.RLIM_INFINITY} or soft >= FEW_FILES:
        return ok(f"{'any number of' if soft < 0 else f'{soft:,}'} files may be open at once")
    return warn(
        f"only {soft:,} files may be open at once",
        f"raise it before Headrace is started (systemd: LimitNOFILE={FEW_FILES * 4})",
        command=f"ulimit -n {FEW_FILES * 4}" if hard < 0 or hard >= FEW_FILES * 4 else "",
    )


def _file_roots(ground: Ground) -> Finding:
    roots, home = ground.settings.file_roots, _plain(ground.settings.home)
    around = [root for root in roots if home.is_relative_to(_plain(root))]
    if around:
        return fail(
            f"flows may read the home with its key: {around[0]} contains it",
            "set HEADRACE_FILE_ROOTS to folders that hold sources and nothing else",
            where=str(around[0]),
        )
    missing = [root for root in roots if not root.is_dir()]
    if missing:
        words = ", ".join(map(str, missing))
        return warn(f"{words} is no folder", "make it, or take it out of HEADRACE_FILE_ROOTS", where=words)
    return ok("no root of files contains the home" if roots else "only `files` in the home may be read")


def _plain(path: Path) -> Path:
    try:
        return path.resolve()
    except OSError:
        return path


CHECKS = (
    Check("python", "the version of Python", _python),
    Check("settings", "all settings of environment and files: unknown names, values of the wrong form", _settings),
    Check("open-files", "how many files a process may have open", _open_files),
    Check("file-roots", "the folders that flows may read, and whether the home is among them", _file_roots),
)
