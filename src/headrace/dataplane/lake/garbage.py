"""Data files that no commit refers to: what a try that failed, was killed or lost its claim left behind."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from headrace.core.clock import Instant
from headrace.dataplane.lake.delta import open_table
from headrace.dataplane.storage import Roots

_OURS = re.compile(r"part-(?P<run>[^~]+)~(?P<path>.+)~(?P<attempt>\d+)\.(?P<epoch>\d+)-.*\.parquet")
GRACE = timedelta(hours=1)
"""Younger files stay whatever is known of their run: their worker may just be about to commit them."""


def part_prefix(folder: str, key: str) -> str:
    """Return how the names of a try's data files begin; ``folder`` is ``Task.folder``, ``key`` the commit key.

    The key is in it so that not even the same try, called for another key, can ever touch a file that a commit refers to.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return "part-" + "~".join(folder.split("/")) + f"-{digest}"


def collect(
    roots: Roots, is_live: Callable[[str], bool], now: Instant, grace: timedelta = GRACE
) -> tuple[Path, ...]:  # fmt: skip
    """Remove data files that belong to no commit, and say which.

    ``is_live`` is asked with a run's id: files of a live run stay. So do files younger than ``grace``, files that Headrace has not written, and
    every file that any version of its table still refers to.
    """
    removed = []
    for folder in _tables(roots.lake):
        mine = [(file, match) for file in folder.glob("part-*.parquet") if (match := _OURS.fullmatch(file.name))]
        old = [(file, match["run"]) for file, match in mine if _age(file, now) >= grace]
        if not old:
            continue
        kept = _referred_to(folder)
        for file, run_id in old:
            if file.name not in kept and not is_live(run_id):
                file.unlink(missing_ok=True)
                removed.append(file)
    return tuple(removed)


def _tables(lake: Path) -> Iterator[Path]:
    """Yield every folder that holds data files, with or without a log: a first commit may have failed."""
    if not lake.is_dir():
        return
    for folder, names, _ in os.walk(lake):
        names[:] = [name for name in names if name != "_delta_log"]
        yield Path(folder)


def _age(file: Path, now: Instant) -> timedelta:
    return timedelta(microseconds=now - file.stat().st_mtime_ns // 1000)


def _referred_to(folder: Path) -> set[str]:
    table = open_table(folder)
    if table is None:
        return set()
    named = {Path(uri).name for uri in table.file_uris()}
    # Files of older versions stay readable (time travel) until the log forgets them.
    for log in (folder / "_delta_log").glob("*.json"):
        text = log.read_text(encoding="utf-8")
        named.update(re.findall(r'"path":"([^"]*part-[^"]*\.parquet)"', text))
    return {Path(name).name for name in named}
