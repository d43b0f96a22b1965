"""Every type of activity that nothing here executes: refused, or handed to what the operator has named for it (contract 8.2, Custom)."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.activities.datafactory.attempt import Attempt, Object, Refused, Result, refused
from headrace.activities.datafactory.calls import (
    Call,
    Calling,
    body_bytes,
    check_success,
    common_fields,
    response_object,
    send,
    text_of_answer,
)
from headrace.activities.datafactory.commands import KEPT_VARIABLES, run_command
from headrace.activities.datafactory.system import activity_run_id
from headrace.activities.datafactory.words import UNSUPPORTED_TYPE
from headrace.core.errors import Code, Problem
from headrace.core.executors import Executor
from headrace.core.outcome import Outcome
from headrace.dataplane.connectors.web import WebRequest

COMMAND_FAILED = "CommandFailed"
"""The configured command ended with another status than 0."""
_NAMES = ("ACTIVITY_TYPE", "ACTIVITY_NAME", "ACTIVITY_RUN_ID", "PIPELINE_NAME", "PIPELINE_RUN_ID")
_LONGEST_ANSWER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Executors:
    """Executors by types in lower case; ``environment`` is this process's, of which commands see little."""

    by_type: Mapping[str, Executor] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def unsupported(attempt: Attempt, calling: Calling, executors: Executors) -> Result:
    """Hand the evaluated properties to what is configured for the type, and take its answer as the output; else refuse."""
    executor = executors.by_type.get(attempt.type.lower())
    if executor is None:
        # What cannot be evaluated either is not what has to be told first.
        with contextlib.suppress(Problem, Refused):
            attempt.given()
        message = (
            f"Activities of type '{attempt.type}' are not executed by this server. "
            "Its operator can name a command or an endpoint that does (HEADRACE_DATAFACTORY_ACTIVITIES)."
        )
        raise refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)
    given = attempt.given()
    text = _run(attempt, executors, executor, given) if executor.command else _post(attempt, calling, executor, given)
    output = response_object(text) if text.strip() else {}
    return Outcome({**output, **common_fields(attempt)})


def _run(attempt: Attempt, executors: Executors, executor: Executor, given: Object) -> str:
    kept = {name: value for name, value in executors.environment.items() if name in KEPT_VARIABLES}
    variables = {**kept, **dict(zip(_NAMES, _facts(attempt), strict=True))}
    ended = run_command(executor.command, body_bytes(given), variables, attempt.context.cancellation)
    if ended.status != 0:
        why = ended.complaint.strip() or "it said nothing"
        message = f"The command for activities of type '{attempt.type}' ended with status {ended.status}: {why}"
        raise refused(COMMAND_FAILED, message, Code.EXTERNAL_FAILED)
    return ended.answer


def _post(attempt: Attempt, calling: Calling, executor: Executor, given: Object) -> str:
    names = (f"x-{name.lower().replace('_', '-')}" for name in _NAMES)
    headers = {"content-type": "application/json", **dict(zip(names, map(_header, _facts(attempt)), strict=True))}
    call = Call(WebRequest("POST", executor.url, headers, body_bytes(given)), _LONGEST_ANSWER_SECONDS)
    answer = send(attempt, calling, call)
    check_success(answer, executor.url)
    return text_of_answer(answer)


def _facts(attempt: Attempt) -> tuple[str, ...]:
    """Return what an executor is told beside the properties; the id of the attempt lets it recognise one that it has done."""
    task = attempt.task
    run = attempt.run
    pipeline = str(run.details.get("pipeline", run.flow_name))
    return attempt.type, attempt.name, activity_run_id(task.run_id, task.path, task.attempt), pipeline, task.run_id


def _header(text: str) -> str:
    return text if text.isascii() and text.isprintable() else text.encode("ascii", "xmlcharrefreplace").decode()
