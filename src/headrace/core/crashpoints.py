"""Named places where a process can be made to die, so that tests can kill it at every one of them.

A place calls ``crash_point("after-claim")``: nothing, unless that name was armed. Names are literals, so ``tests`` and
``names_in`` find every one of them in the code: crash points are enumerated, not chosen.
"""

import ast
import os
import signal
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from headrace.core.errors import Code, FieldError, Problem

_remaining: dict[str, int] = {}


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL when ``name`` is armed and this is the passing that was asked for; else do nothing."""
    if not _remaining or name not in _remaining:
        return
    _remaining[name] -= 1
    if _remaining[name] == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def arm(name: str, passing: int = 1) -> None:
    """Make the ``passing``-th passing (from 1) of ``name`` kill this process.

    Raises:
        Problem: ``INVALID``: ``passing`` is less than 1, or no code has such a point.
    """
    if passing < 1:
        raise Problem(
            Code.INVALID, f"passing {passing} never comes; the first is 1", (FieldError("passing", "is 1 or more"),)
        )
    known = declared()
    if name not in known:
        raise Problem(Code.INVALID, f"there is no crash point {name!r}; there are {', '.join(sorted(known))}")
    _remaining[name] = passing


def arm_from(text: str) -> None:
    """Arm what ``text`` says: ``name`` or ``name:n``, several with commas (the setting ``HEADRACE_CRASH_AT``).

    Raises:
        Problem: ``INVALID``: the text has another form, or names no point of the code.
    """
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, passing = part.partition(":")
        if passing and not passing.isdecimal():
            raise Problem(Code.INVALID, f"{part!r} is no crash point; give a name, or name:n with n from 1")
        arm(name, int(passing or 1))


def disarm() -> None:
    """Take back all that was armed."""
    _remaining.clear()


@cache
def declared() -> frozenset[str]:
    """Return the name of every crash point in the installed package, read from its source."""
    return names_in(Path(__file__).resolve().parent.parent.rglob("*.py"))


def names_in(files: Iterable[Path]) -> frozenset[str]:
    """Return the literal names that the source ``files`` pass to ``crash_point``."""
    names: set[str] = set()
    for file in files:
        text = file.read_text(encoding="utf-8")
        if "crash_point(" not in text:
            continue
        names.update(filter(None, (_name_of(node) for node in ast.walk(ast.parse(text)))))
    return frozenset(names)


def _name_of(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "crash_point":
        return None
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
