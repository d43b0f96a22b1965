"""What executes types of activities that nothing here does, as the operator names it in the settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.errors import Code, FieldError, Problem


@dataclass(frozen=True, slots=True)
class Executor:
    """A command with its arguments, or an endpoint; the other one is empty."""

    command: tuple[str, ...] = ()
    url: str = ""


def parse_executors(text: str) -> Mapping[str, Executor]:
    """Return the executors that the JSON object ``text`` (empty: none) names, by types in lower case.

    Raises:
        Problem: ``INVALID``: an entry is no command and no endpoint; all at once.
    """
    found: dict[str, Executor] = {}
    errors: list[FieldError] = []
    for name, entry in (json.loads(text) if text else {}).items():
        executor = _executor(entry)
        if executor is None:
            hint = 'write {"command": ["/path/to/program", "argument"]} or {"url": "https://…"}'
            errors.append(FieldError(f"datafactory_activities.{name}", "names no command and no endpoint", hint))
        else:
            found[name.lower()] = executor
    if errors:
        raise Problem.of_fields(Code.INVALID, "the configuration", tuple(errors))
    return found


def _executor(entry: object) -> Executor | None:
    if not isinstance(entry, dict) or len(entry) != 1:
        return None
    command, url = entry.get("command"), entry.get("url")
    if isinstance(command, list) and command and all(isinstance(part, str) and part for part in command):
        return Executor(command=tuple(command))
    return Executor(url=url) if isinstance(url, str) and url.startswith(("http://", "https://")) else None
