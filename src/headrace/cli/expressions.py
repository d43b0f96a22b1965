"""``headrace expressions``: evaluates expressions as a run would, without a home or a run."""

import json
import random
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.templates import evaluate_text
from headrace.language.datafactory.values import whole_characters


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be evaluated: one expression, or a file of them (``-`` is standard input), and what they refer to."""

    expression: str | None
    cases: Path | None
    state: Path | None


def evaluate(wish: Wish) -> int:
    """Print the value of an expression as JSON; of a file of cases, one line for each, in their order.

    Returns 1 where a line was no case, which its line of the answer tells; else 0.

    Raises:
        Problem: the single expression cannot be evaluated, or a file is not what it should be.
    """
    state = _state(wish.state)
    if wish.cases is None:
        _print(evaluate_text(wish.expression or "", state))
        return 0
    ended = 0
    for expression in _expressions(wish.cases):
        try:
            if isinstance(expression, Problem):
                ended = 1
                raise expression
            _print({"ok": evaluate_text(expression, state)})
        except Problem as problem:
            _print({"error": problem.message})
    return ended


def _state(path: Path | None) -> FixedState:
    document: Json = {} if path is None else _parsed(_read(path), str(path))
    if not isinstance(document, Mapping):
        raise Problem(Code.INVALID, f"{path}: a state is a JSON object with parameters, variables, activities, item, …")
    return FixedState.of(document, Instant(time.time_ns() // 1000), random.Random())  # noqa: S311 — guid() and rand() are no secrets


def _expressions(path: Path) -> Iterator[str | Problem]:
    """Yield the expression of each line, or what is wrong with the line; empty lines are passed over."""
    where = "standard input" if str(path) == "-" else str(path)
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            case = _parsed(line, f"{where}, line {number}")
        except Problem as problem:
            yield problem
            continue
        expression = case.get("expr") if isinstance(case, Mapping) else case
        if isinstance(expression, str):
            yield expression
        else:
            message = f"{where}, line {number}: a case is a JSON string, or an object with a string 'expr'"
            yield Problem(Code.INVALID, message)


def _lines(path: Path) -> Iterator[str]:
    if str(path) == "-":
        yield from sys.stdin
    else:
        # Not splitlines(): a JSON string may hold U+2028 as it is.
        yield from _read(path).split("\n")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(Code.NOT_FOUND, f"{path} cannot be read: {error}") from None


def _parsed(text: str, where: str) -> Json:
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem(Code.MALFORMED, f"{where}: no JSON: {error}") from None
    return value


def _print(value: Json) -> None:
    # An expression may hold half of a surrogate pair, and its message then too: no output can encode that.
    print(whole_characters(json.dumps(value, ensure_ascii=False)), flush=True)
