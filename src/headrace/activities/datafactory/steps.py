"""Filter, Wait and Fail (contract 8.1)."""

from headrace.activities.datafactory.attempt import Attempt, Result, text_property, whole_number, wrong_result
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.outcome import Failure, Outcome, Pause

_LONGEST_WAIT = 90 * 86_400


def filter_items(attempt: Attempt) -> Result:
    """Keep the items for which the condition is true."""
    items = attempt.given("condition").get("items")
    if not isinstance(items, list):
        raise wrong_result(attempt.name, "'filter'", attempt.raw("items"), items, "array")
    written = attempt.raw("condition")
    kept: list[Json] = []
    for item in items:
        attempt.context.cancellation.check()
        wanted = attempt.evaluate(written, item)
        if not isinstance(wanted, bool):
            raise wrong_result(attempt.name, "condition", written, wanted, "boolean")
        if wanted:
            kept.append(item)
    return Outcome({"ItemsCount": len(items), "FilteredItemsCount": len(kept), "Value": kept})


def wait(attempt: Attempt) -> Result:
    """Do nothing for a while. No thread waits, and no restart begins the time anew."""
    if attempt.task.resumed is not None:
        return Outcome({})
    written = attempt.given().get("waitTimeInSeconds")
    seconds = whole_number(written, "waitTimeInSeconds", most=_LONGEST_WAIT)
    return Pause(seconds=float(seconds)) if seconds else Outcome({})


def fail(attempt: Attempt) -> Result:
    """Fail with the message and the error code that are given."""
    given = attempt.given()
    message = text_property(given.get("message"), "message")
    label = text_property(given.get("errorCode"), "errorCode")
    return Outcome({}, failure=Failure(Code.INVALID, message, label=label))
