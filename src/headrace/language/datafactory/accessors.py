"""The functions that lead to what a run knows: parameters, variables, outputs of activities, the item of a loop."""

from collections.abc import Callable, Mapping
from typing import Final

from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.language.datafactory.state import Object, named
from headrace.language.datafactory.table import Call, Function


def _pipeline(call: Call) -> Json:
    return _plain(call.state.pipeline())


def _activity(call: Call) -> Json:
    if not len(call):
        raise _misplaced(call)
    name = _name(call)
    try:
        return _plain(call.state.activity(name))
    except LookupError:
        raise call.refusal(
            f"Expression cannot be evaluated: the template action '{name}' is not defined at current scope."
        ) from None


def _variables(call: Call) -> Json:
    name = _name(call)
    try:
        return call.state.variable(name)
    except LookupError:
        raise call.refusal(f"Expression cannot be evaluated: the template variable '{name}' cannot be found.") from None


def _item(call: Call) -> Json:
    try:
        return call.state.item()
    except LookupError:
        raise _misplaced(call) from None


def _parameters(call: Call) -> Json:
    name = _name(call)
    given = call.state.linked_service()
    if given is None:
        given = call.state.dataset()
    if given is None:
        found = call.state.pipeline().get("parameters")
        given = found if isinstance(found, Mapping) else {}
    try:
        return named(name, given)
    except LookupError:
        raise call.refusal(f"The workflow parameter '{name}' is not found") from None


def _dataset(call: Call) -> Json:
    return _placed(call, call.state.dataset())


def _linked_service(call: Call) -> Json:
    return _placed(call, call.state.linked_service())


def _trigger(call: Call) -> Json:
    return _placed(call, call.state.trigger())


def _trigger_body(call: Call) -> Json:
    return _placed(call, call.state.trigger_body())


def _placed(call: Call, found: Object | None) -> Json:
    if found is None:
        raise _misplaced(call)
    return _plain(found)


def _misplaced(call: Call) -> Problem:
    return call.refusal(f"The template function '{call.name}' is not expected at this location.")


def _name(call: Call) -> str:
    (name,) = call.arguments
    if not isinstance(name, str):
        raise call.refusal(f"The provided parameters for function '{call.name}' are not valid.")
    return name


def _plain(found: Object) -> Json:
    return found if isinstance(found, dict) else dict(found)


def _function(
    name: str, count: tuple[int, int], implementation: Callable[[Call], Json], syntax: str, doc: str
) -> Function:
    return Function(name, *count, implementation, "Accessor", syntax, doc)


FUNCTIONS: Final = (
    _function(
        "pipeline",
        (0, 0),
        _pipeline,
        "pipeline()",
        "The run's system values, `.parameters` and `.globalParameters`.",
    ),
    _function(
        "activity",
        (0, 1),
        _activity,
        "activity(name)",
        "What an activity that has ended gave: `.output`, `.error`, `.Status`, `.Duration`, `.ActivityRunId`, `.ActivityRunStart`, "
        "`.ActivityRunEnd`.",
    ),
    _function("variables", (1, 1), _variables, "variables(name)", "The value that a variable has now."),
    _function("item", (0, 0), _item, "item()", "The element that ForEach or Filter is at."),
    _function(
        "parameters",
        (1, 1),
        _parameters,
        "parameters(name)",
        "A parameter of the pipeline; within a dataset or linked service, of that.",
    ),
    _function("dataset", (0, 0), _dataset, "dataset()", "The parameters of a dataset, within its definition."),
    _function(
        "linkedService",
        (0, 0),
        _linked_service,
        "linkedService()",
        "The parameters of a linked service, within its definition.",
    ),
    _function(
        "trigger",
        (0, 0),
        _trigger,
        "trigger()",
        "`.scheduledTime`, `.startTime`, `.outputs.windowStartTime` and more, within a trigger's parameters.",
    ),
    _function(
        "triggerBody",
        (0, 0),
        _trigger_body,
        "triggerBody()",
        "`.fileName`, `.folderPath`, `.event`, within the parameters of an event's trigger.",
    ),
)
