"""What an example expects, and what came: where do they differ?"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def fits(expected: Any, actual: Any) -> bool:
    """Tell whether ``actual`` is what is expected.

    Of an object, the expected properties are compared (``{}`` expects none at all); in a text, ``*`` stands for anything.
    """
    if isinstance(expected, dict):
        known = isinstance(actual, dict) and expected.keys() <= actual.keys()
        return known and all(fits(expected[key], actual[key]) for key in expected) and (bool(expected) or not actual)
    if isinstance(expected, list):
        same = isinstance(actual, list) and len(actual) == len(expected)
        return same and all(fits(*pair) for pair in zip(expected, actual, strict=True))
    if isinstance(expected, str) and "*" in expected:
        pattern = ".*".join(re.escape(piece) for piece in expected.split("*"))
        return isinstance(actual, str) and re.fullmatch(pattern, actual, re.DOTALL) is not None
    return type(expected) is type(actual) and bool(expected == actual)


def value_differs(what: str, expected: Any, actual: Any) -> list[str]:
    """Return what differs in one value; nothing when it is as expected."""
    return [] if fits(expected, actual) else [f"{what}: expected {_text(expected)}, came {_text(actual)}"]


def rows_differ(expected: Sequence[Row], actual: Sequence[Row], unless_told: Row) -> list[str]:
    """Return the rows that are expected and did not come, and those that came and are not expected; the order says nothing.

    An expected row stands for ``times`` rows (1), and has what is in ``unless_told`` where it tells nothing else.
    """
    left = list(actual)
    differences = []
    for row in sorted(expected, key=_told, reverse=True):
        wanted = {**unless_told, **{key: value for key, value in row.items() if key != "times"}}
        times = row.get("times", 1)
        found = [one for one in left if fits(wanted, one)][:times]
        left = [one for one in left if one not in found]
        if len(found) < times:
            differences.append(f"{times - len(found)} did not come: {_text(wanted)}")
    return differences + [f"not expected: {_text(_short(row))}" for row in left]


def _told(row: Row) -> int:
    """Return how much is told of a row: those that are told more of choose first."""
    return len(json.dumps(row))


def _short(row: Row) -> dict[str, Any]:
    shown = ("activityName", "status", "recoveryStatus", "retryAttempt", "iterationIndex", "input", "output", "error")
    shown += ("triggerName", "message", "properties")
    return {key: row[key] for key in shown if row.get(key) not in (None, {}, 0, "", "None")}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:1200]
