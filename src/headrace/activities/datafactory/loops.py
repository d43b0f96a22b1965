"""ForEach and Until (contract 8.1)."""

from headrace.activities.datafactory.attempt import Attempt, Result, flag, refused, whole_number, wrong_result
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.errors import Code
from headrace.core.outcome import Expansion, Outcome

MAX_ITEMS = 100_000
"""Items that one ForEach loops over."""
MAX_LANES = 50
"""Queues that a ForEach deals its items out to."""
_DEFAULT_LANES = 20


def for_each(attempt: Attempt) -> Result:
    """Loop over all items: in their order, or dealt out to ``batchCount`` queues."""
    written = attempt.raw("items")
    given = attempt.given()
    items = given.get("items")
    if not isinstance(items, list):
        raise wrong_result(attempt.name, "'foreach'", written, items, "array")
    if len(items) > MAX_ITEMS:
        message = f"The activity '{attempt.name}' loops over {len(items)} items; at most {MAX_ITEMS} are allowed."
        raise refused(BAD_REQUEST, message, Code.LIMIT_EXCEEDED)
    sequential = flag(given.get("isSequential"), "isSequential")
    batch_count = given.get("batchCount")
    lanes = _DEFAULT_LANES if batch_count is None else whole_number(batch_count, "batchCount", least=1, most=MAX_LANES)
    if not items:
        return Outcome({})
    return Expansion("each", items=tuple(items), lanes=1 if sequential else lanes)


def until(attempt: Attempt) -> Result:
    """Run a pass, then ask the expression whether it was the last. The engine ends it when its time is over."""
    resumed = attempt.task.resumed
    if resumed is None:
        attempt.given("expression")
        return _pass(0)
    written = attempt.raw("expression")
    over = attempt.evaluate(written)
    if not isinstance(over, bool):
        raise wrong_result(attempt.name, "condition", written, over, "boolean")
    number = whole_number(resumed.state.get("pass", 0), "pass")
    return Outcome({}) if over else _pass(number + 1)


def _pass(number: int) -> Expansion:
    return Expansion("pass", number=number, again=True, state={"pass": number})
