"""What a check is, and what it tells."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Place = TypeVar("Place")


class State(StrEnum):
    """How what was looked at stands."""

    OK = "ok"
    WARN = "warn"
    """It works, and something about it should be changed."""
    FAIL = "fail"
    """Something does not work, or will not."""
    SKIPPED = "skipped"
    """It could not be looked at; ``seen`` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check tells: what was ``seen``, ``where`` (empty: here), and the ``remedy`` in words, with a ``command`` for it where there is one."""

    state: State
    seen: str
    where: str = ""
    remedy: str = ""
    command: str = ""
    name: str = ""
    """The check's, filled in by who asked it."""


@dataclass(frozen=True, slots=True)
class Check(Generic[Place]):
    """A check. ``looks_at``: what at, as the reference has it; ``look`` tells, or raises a ``Problem`` or ``Unknown``; it may take ``seconds``."""

    name: str
    looks_at: str
    look: Callable[[Place], Finding]
    seconds: float = 10.0


class Unknown(Exception):
    """What a check looks at cannot be had; the text says why."""


def ok(seen: str, where: str = "") -> Finding:
    """Return that all is well."""
    return Finding(state=State.OK, seen=seen, where=where)


def warn(seen: str, remedy: str, *, where: str = "", command: str = "") -> Finding:
    """Return that something should be changed."""
    return Finding(state=State.WARN, seen=seen, where=where, remedy=remedy, command=command)


def fail(seen: str, remedy: str, *, where: str = "", command: str = "") -> Finding:
    """Return that something does not work."""
    return Finding(state=State.FAIL, seen=seen, where=where, remedy=remedy, command=command)


def skipped(why: str) -> Finding:
    """Return that it could not be looked at."""
    return Finding(state=State.SKIPPED, seen=why)
