"""WebActivity (contract 8.2)."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from headrace.activities.datafactory.attempt import Attempt, Object, Refused, Result, flag, refused, text_property
from headrace.activities.datafactory.calls import (
    WITH_BODY,
    Call,
    Calling,
    check_success,
    common_fields,
    headers_of_answer,
    make_call,
    response_object,
    send,
    text_of_answer,
)
from headrace.activities.datafactory.linked import Documents, dataset, linked_service
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.clock import from_datetime
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.outcome import Outcome, Pause
from headrace.core.task import Resumed
from headrace.dataplane.connectors.web import WebAnswer, redirected

METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"})
"""What an endpoint may be called with."""
_ACCEPTED = 202
_SEE_OTHER = 303
_DEFAULT_PAUSE = 10.0
_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 3600.0
_MOST_MISSED = 3
"""Looks in a row that may stay without an answer."""


def web(attempt: Attempt, calling: Calling, documents: Documents) -> Result:
    """Call an endpoint; where it answers 202 with a place to look at, look there until that answers otherwise.

    The place is written down before each pause: no thread waits, and a restart goes on looking. A worker that dies between the first
    call and its pause leaves an attempt that is begun again, with the call: it is made at least once.
    """
    given = attempt.given()
    call = first_call(attempt, calling, documents, given)
    resumed = attempt.task.resumed
    if resumed is not None:
        call = _look(call, str(resumed.state["place"]))
    try:
        answer = send(attempt, calling, call)
    except Refused:
        missed = _missed(resumed)
        if missed is None:
            raise
        return missed
    place = answer.headers.get("location") or ("" if resumed is None else call.request.url)
    if answer.status == _ACCEPTED and place and not flag(given.get("turnOffAsync"), "turnOffAsync"):
        return Pause(seconds=_pause(attempt, answer), state={"place": _look(call, place).request.url})
    check_success(answer, call.request.url)
    output = response_object(text_of_answer(answer))
    output["ADFWebActivityResponseHeaders"] = headers_of_answer(answer)
    return Outcome({**output, **common_fields(attempt)})


def _missed(resumed: Resumed | None) -> Pause | None:
    """Return the pause before another look, where a look was not answered: to fail would be to make the first call again. None: enough."""
    missed = None if resumed is None else resumed.state.get("missed", 0)
    if resumed is None or not isinstance(missed, int) or missed >= _MOST_MISSED:
        return None
    return Pause(seconds=_DEFAULT_PAUSE, state={"place": resumed.state["place"], "missed": missed + 1})


def first_call(attempt: Attempt, calling: Calling, documents: Documents, given: Object) -> Call:
    """Return the call that the properties describe.

    Raises:
        Refused: one of them makes no sense.
    """
    method = text_property(given.get("method"), "method").upper()
    if method not in METHODS:
        raise refused(BAD_REQUEST, f"The method '{method[:100]}' is none of {', '.join(sorted(METHODS))}.")
    body = given.get("body")
    if method in WITH_BODY and body is None:
        raise refused(BAD_REQUEST, f"The property 'body' is required for the method {method}.")
    return make_call(attempt, calling, given, method, _with_definitions(attempt, documents, given, body))


def _with_definitions(attempt: Attempt, documents: Documents, given: Object, body: Json) -> Json:
    """Return the body with the definitions of the datasets and linked services that are referred to."""
    found: dict[str, Json] = {}
    for key, look_up in (("datasets", dataset), ("linkedServices", linked_service)):
        references = given.get(key)
        if isinstance(references, list) and references:
            found[key] = [look_up(attempt, documents, each, key).document() for each in references]
    if not found:
        return body
    if body is not None and not isinstance(body, Mapping):
        raise refused(
            BAD_REQUEST, f"The property 'body' must be an object, so that {' and '.join(found)} can be added to it."
        )
    return {**(body or {}), **found}


def _look(call: Call, place: str) -> Call:
    """Return the call that looks at ``place``; what only the first origin may see is not sent to another one."""
    try:
        return Call(redirected(call.request, _SEE_OTHER, place), call.timeout, call.tls)
    except Problem as problem:
        message = f"Error calling the endpoint '{call.request.url}'. It refers to '{place[:200]}': {problem.message}"
        raise refused("2108", message, problem.code) from problem


def _pause(attempt: Attempt, answer: WebAnswer) -> float:
    written = answer.headers.get("retry-after", "").strip()
    seconds = _DEFAULT_PAUSE
    if written.isascii() and written.isdecimal():
        seconds = float(written[:9])
    elif written:
        try:
            moment = from_datetime(parsedate_to_datetime(written))
            seconds = (moment - attempt.installation.clock.now()) / 1_000_000
        except ValueError:
            seconds = _DEFAULT_PAUSE
    return min(max(seconds, _SHORTEST_PAUSE), _LONGEST_PAUSE)
