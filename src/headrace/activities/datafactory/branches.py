"""IfCondition and Switch (contract 8.1)."""

from collections.abc import Mapping

from headrace.activities.datafactory.attempt import Attempt, Result, wrong_result
from headrace.core.codec import Json
from headrace.core.outcome import Expansion
from headrace.language.datafactory.values import text_of


def if_condition(attempt: Attempt) -> Result:
    """Run one of two branches."""
    written = attempt.raw("expression")
    condition = attempt.given().get("expression")
    if not isinstance(condition, bool):
        raise wrong_result(attempt.name, "condition", written, condition, "boolean")
    return Expansion("true" if condition else "false")


def switch(attempt: Attempt) -> Result:
    """Run the first case whose value is exactly the text of ``on``, else the default."""
    given = attempt.given("cases")
    on = text_of(given.get("on"))
    hit = any(on == _case_text(case) for case in _list(given.get("cases")))
    return Expansion(f"case:{on}" if hit else "default")


def _case_text(case: Json) -> str:
    """Return the text of a case's value, which is no template; the bodies of a plan are named after it."""
    value = case.get("value") if isinstance(case, Mapping) else None
    return value if isinstance(value, str) else text_of(value)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
