"""The home: folders, rights, key, disk."""

import os
import shlex
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from headrace.bootstrap.checks.finding import Check, Finding, Unknown, fail, ok, warn
from headrace.bootstrap.checks.ground import Ground
from headrace.core.errors import Problem
from headrace.service.sealing import Sealer, parse_keys
from headrace.store import inspection

LITTLE = 1 << 30
"""Bytes of free disk below which a load may not find room."""
NO_ROOM = 100 << 20
"""Bytes of free disk below which the next commit may fail."""
LONG_LOG = 100 << 20
"""A log of commands that nobody began anew is longer than this (it is begun anew at 10 MiB)."""
LEFT_BEHIND = 2 * 24 * 3600
"""Seconds after which what lies in the work folder was left behind: upkeep removes it after an hour."""
_LOG = "headrace.log"
_NOBODY_KNOWN = "another user"


def _home(ground: Ground) -> Finding:
    home = ground.settings.home
    where = str(home)
    try:
        mode = home.stat().st_mode
    except FileNotFoundError:
        return fail(
            "there is no such folder",
            "correct HEADRACE_HOME or --home if an installation is elsewhere; a new one is made by",
            where=where,
            command=ground.command("db upgrade"),
        )
    except OSError as error:
        return fail(f"it cannot be looked at: {error.strerror}", _as_owner(home), where=where)
    if not stat.S_ISDIR(mode):
        return fail("it is a file and no folder", "move it away, or set HEADRACE_HOME to another place", where=where)
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return fail("this user may not write in it", _as_owner(home), where=where, command=_again(ground, home))
    if mode & 0o077:
        return warn(
            f"others may look into it (mode {stat.S_IMODE(mode):04o})",
            "take their rights away",
            where=where,
            command=f"chmod 700 {_quoted(home)}",
        )
    return ok("it is there, writable, and closed to others", where)


def _key(ground: Ground) -> Finding:
    file = ground.settings.key_file
    if ground.settings.secret_key:
        try:
            count = len(parse_keys(ground.settings.secret_key))
        except Problem as problem:
            return fail(problem.message, "set HEADRACE_SECRET_KEY to what it was: stored secrets are sealed with it")
        if not count:
            return fail("HEADRACE_SECRET_KEY holds no key", "set it to what it was, or leave it out")
        return ok(f"HEADRACE_SECRET_KEY holds {count} key{'' if count == 1 else 's'}")
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="ascii")
    except FileNotFoundError:
        return _no_key(ground, file)
    except (OSError, UnicodeDecodeError) as error:
        return fail(f"it cannot be read: {error}", _as_owner(file), where=str(file), command=_again(ground, file))
    if mode & 0o077:
        return fail(
            f"others may read it (mode {stat.S_IMODE(mode):04o}): nothing starts with such a key",
            "make it yours alone, and think of a new key if others were on this machine",
            where=str(file),
            command=f"chmod 600 {_quoted(file)}",
        )
    try:
        keys = parse_keys(",".join(text.split()))
    except Problem as problem:
        return fail(problem.message, "restore the file from a backup", where=str(file))
    if not keys:
        return fail("it is empty", "restore it from a backup: without it no stored secret opens", where=str(file))
    return ok("it is there, readable, and closed to others", str(file))


def _no_key(ground: Ground, file: Path) -> Finding:
    try:
        with ground.reading() as tx:
            is_needed = next(inspection.sealed(tx), None) is not None
    except (Unknown, Problem):
        is_needed = False
    if is_needed:
        return fail(
            "it is gone, and the ledger holds secrets that were sealed with it",
            "restore it from a backup, or give the key in HEADRACE_SECRET_KEY",
            where=str(file),
        )
    return ok("there is none yet: it is made at the first start; keep a copy of it then", str(file))


def _secrets(ground: Ground) -> Finding:
    text = ground.settings.secret_key
    if not text:
        try:
            text = ",".join(ground.settings.key_file.read_text(encoding="ascii").split())
        except (OSError, UnicodeDecodeError):
            text = ""
    keys = _keys(text)
    with ground.reading() as tx:
        kept = list(inspection.sealed(tx))
    if not kept:
        return ok("no secret is kept")
    if not keys:
        why = "there is no key"
        raise Unknown(why)
    sealer = Sealer(keys)
    closed = [problem for one in kept if (problem := _closed(sealer, *one)) is not None]
    if not closed:
        return ok(f"the key opens what is sealed ({len(kept):,} looked at)")
    of = "none" if len(closed) == len(kept) else f"only {len(kept) - len(closed):,}"
    return fail(
        f"of {len(kept):,} secrets that were looked at, {of} can be opened",
        "put the key that sealed them behind the present one in HEADRACE_SECRET_KEY (comma-separated), or enter the secrets anew",
        where="/".join(str(part) for part in closed[0]),
    )


def _keys(text: str) -> tuple[bytes, ...]:
    try:
        return parse_keys(text)
    except Problem:
        return ()


def _closed(sealer: Sealer, text: str, place: tuple[str, str, str]) -> tuple[str, str, str] | None:
    """Return the place of a secret that cannot be opened."""
    try:
        sealer.open(text, *place)
    except Problem:
        return place
    return None


def _disk(ground: Ground) -> Finding:
    settings = ground.settings
    folders = {
        "the home": settings.home,
        "the quarantine": settings.home / "quarantine",
        "the landing": settings.landing,
        "the lake": settings.lake,
        "the landing zone": settings.landing_zone,
    }
    free: dict[int, tuple[int, list[str], Path]] = {}
    for name, folder in folders.items():
        there = next(one for one in (folder, *folder.parents) if os.path.exists(one))  # noqa: PTH110 — unlike ``Path.exists``, it says no where it may not look
        device = there.stat().st_dev
        free.setdefault(device, (ground.free_bytes(there), [], there))[1].append(name)
    least, names, place = min(free.values(), key=lambda found: found[0])
    seen = f"{_size(least)} are free for {', '.join(names)}"
    remedy = "make room, or move them (HEADRACE_LAKE_URL, HEADRACE_LANDING_URL); what is old enough is removed by"
    if least < LITTLE:
        tell = fail if least < NO_ROOM else warn
        return tell(seen, remedy, where=str(place), command=ground.command("db clean"))
    return ok(seen, str(place))


def _work(ground: Ground) -> Finding:
    folder = ground.settings.home / "work"
    before = time.time() - LEFT_BEHIND
    old = [one for one in _entries(folder) if one.stat().st_mtime < before]
    if old:
        return warn(
            f"{len(old):,} work folder{' was' if len(old) == 1 else 's were'} left behind for more than two days",
            "upkeep by a worker removes them; by hand",
            where=str(folder),
            command=ground.command("db clean"),
        )
    return ok("nothing was left behind in the work folder", str(folder))


def _log(ground: Ground) -> Finding:
    file = ground.settings.home / _LOG
    size = file.stat().st_size if file.exists() else 0
    if size > LONG_LOG:
        return warn(
            f"the log of commands has {_size(size)}: something writes it without end, or a command never ends",
            "look at its end, then begin it anew",
            where=str(file),
            command=f"mv {_quoted(file)} {_quoted(file)}.old",
        )
    return ok(f"the log of commands has {_size(size)}", str(file))


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from folder.iterdir()


def _size(count: int) -> str:
    amount, units = float(count), iter(("bytes", "KB", "MB", "GB"))
    for unit in units:
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _as_owner(path: Path) -> str:
    """Return what to do about a file of another user: giving it away would lock out those who run Headrace."""
    return f"it belongs to {_owner(path)}: run Headrace as that user"


def _again(ground: Ground, path: Path) -> str:
    owner = _owner(path)
    return f"sudo -u {owner} {ground.command('doctor')}" if owner != _NOBODY_KNOWN else ""


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (OSError, KeyError):
        return _NOBODY_KNOWN


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


FIRST = (
    Check("home", "the home: there, writable, mode 0700", _home),
    Check("key", "the key file: there, readable, mode 0600, a key in it", _key),
)
CHECKS = (
    Check("secrets", "whether the key opens what is sealed in the ledger (the newest 100 of each kind)", _secrets),
    Check("disk", "free room for home, quarantine, landing, lake and landing zone", _disk),
    Check("work-folders", "work folders that nobody removed", _work),
    Check("log", "the size of the log of commands", _log),
)
