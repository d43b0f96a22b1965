"""WebHook (contract 8.1): call an endpoint, and wait until it calls back."""

from collections.abc import Callable, Mapping

from headrace.activities.datafactory.attempt import Attempt, Object, Result, flag, refused, whole_number, wrong_type
from headrace.activities.datafactory.calls import Calling, check_success, make_call, read_container, send
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.outcome import Failure, Outcome, Pause
from headrace.language.datafactory.values import text_of

CallbackUrl = Callable[[str, str, int], str]
"""Returns an address at which an attempt (run id, path, number) is called back; all that it returns for one attempt are good."""

_FIRST_FAILURE = 400
_LONGEST_STATUS = 9


def web_hook(attempt: Attempt, calling: Calling, callback_url: CallbackUrl) -> Result:
    """POST to an endpoint with ``callBackUri`` in the body; end when somebody POSTs there. The engine ends it when its time is over.

    Once the pause is written nothing is sent again. A worker that dies between the endpoint's answer and that moment leaves an attempt
    that is begun again: the endpoint is called at least once, each time with an address of this same attempt, and the first call back counts.
    """
    given = attempt.given()
    resumed = attempt.task.resumed
    if resumed is not None:
        called_back = (resumed.signal or {}).get("callback")
        return _ended(
            attempt,
            called_back if isinstance(called_back, Mapping) else {},
            reports=flag(given.get("reportStatusOnCallBack"), "reportStatusOnCallBack"),
        )
    task = attempt.task
    address = callback_url(task.run_id, task.path, task.attempt)
    # Whoever has the address can end the activity: an endpoint that repeats it in a refusal does not put it before others' eyes.
    attempt.hide(address)
    call = make_call(attempt, calling, given, "POST", {**_object_of(given.get("body")), "callBackUri": address})
    answer = send(attempt, calling, call)
    check_success(answer, call.request.url)
    return Pause(hears=True, state={"called": True})


def _ended(attempt: Attempt, called_back: Object, *, reports: bool) -> Result:
    output = called_back.get("Output")
    shown: Object = output if isinstance(output, Mapping) else {} if output is None else {"Output": output}
    status = called_back.get("StatusCode")
    if reports and status is not None and _status(status) >= _FIRST_FAILURE:
        error = called_back.get("Error")
        error = error if isinstance(error, Mapping) else {}
        label = text_of(error.get("ErrorCode")) or text_of(status)
        message = (
            text_of(error.get("Message"))
            or f"The endpoint of the activity '{attempt.name}' reported the status {status}."
        )
        return Outcome(shown, failure=Failure(Code.EXTERNAL_FAILED, message, label=label))
    return Outcome(shown)


def _status(value: Json) -> int:
    if isinstance(value, str) and not value.strip()[:_LONGEST_STATUS].isdecimal():
        message = f"The endpoint called back with the status '{value[:100]}', which is no number."
        raise refused(BAD_REQUEST, message, Code.EXTERNAL_FAILED)
    return whole_number(value, "StatusCode", least=-(10**9))


def _object_of(body: Json) -> Object:
    """Return a body that is an object, or the JSON text of one."""
    if body is None or body == "":
        return {}
    if isinstance(body, str):
        found = read_container(body)
        body = body if found is None else found
    if not isinstance(body, Mapping):
        raise wrong_type("body", "a JSON object, to which 'callBackUri' can be added", body)
    return body
