"""Control activities do what the contract's section 8.1 says, to the letter of outputs and messages."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.branches import if_condition, switch
from headrace.activities.datafactory.loops import for_each, until
from headrace.activities.datafactory.steps import fail, filter_items, wait
from headrace.activities.datafactory.variables import append_variable, set_variable
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Expansion, Outcome, Pause, VariableChange
from headrace.service.secret_values import seal_value
from pipeline_desk import SCOPE, SEALER, Desk, a_run, failure_of

Act = Callable[[Attempt], Result]


def _expression(text: str) -> Mapping[str, Json]:
    return {"value": text, "type": "Expression"}


_ONE_TO_THREE = _expression("@createArray(1,2,3)")

RESULTS: list[tuple[str, Act, Mapping[str, Json], Any]] = [
    ("twenty lanes by default", for_each, {"items": _ONE_TO_THREE}, Expansion("each", (1, 2, 3), 20)),
    ("batchCount", for_each, {"items": "@createArray(1)", "batchCount": 50}, Expansion("each", (1,), 50)),
    ("sequential", for_each, {"items": _ONE_TO_THREE, "isSequential": True}, Expansion("each", (1, 2, 3), 1)),
    ("nothing to loop over", for_each, {"items": _expression("@json('[]')")}, Outcome({})),
    ("true", if_condition, {"expression": _expression("@equals(1,1)")}, Expansion("true")),
    ("false", if_condition, {"expression": _expression("@equals(1,2)")}, Expansion("false")),
    ("first hit", switch, {"on": "@concat('a','b')", "cases": [{"value": "ab"}]}, Expansion("case:ab")),
    ("letter case counts", switch, {"on": "AB", "cases": [{"value": "ab"}]}, Expansion("default")),
    (
        "on by its text",
        switch,
        {"on": _expression("@equals(1,1)"), "cases": [{"value": "True"}]},
        Expansion("case:True"),
    ),
    ("no cases", switch, {"on": "x"}, Expansion("default")),
    (
        "filter",
        filter_items,
        {"items": _ONE_TO_THREE, "condition": _expression("@greater(item(),1)")},
        Outcome({"ItemsCount": 3, "FilteredItemsCount": 2, "Value": [2, 3]}),
    ),
    ("wait", wait, {"waitTimeInSeconds": 5}, Pause(seconds=5.0)),
    ("wait by a text", wait, {"waitTimeInSeconds": "@string(7)"}, Pause(seconds=7.0)),
    ("no wait", wait, {"waitTimeInSeconds": 0}, Outcome({})),
    (
        "set",
        set_variable,
        {"variableName": "TEXT", "value": "@concat('a','b')"},
        Outcome({"name": "text", "value": "ab"}, changes=(VariableChange("text", "ab"),)),
    ),
    (
        "append",
        append_variable,
        {"variableName": "list", "value": "@add(1,1)"},
        Outcome({"name": "list", "value": 2}, changes=(VariableChange("list", 2, append=True, base=[]),)),
    ),
    (
        "append behind the default",
        append_variable,
        {"variableName": "filled", "value": 2},
        Outcome({"name": "filled", "value": 2}, changes=(VariableChange("filled", 2, append=True, base=[1]),)),
    ),
]


@pytest.mark.parametrize(
    ("properties", "act", "expected"), [(p, a, e) for _, a, p, e in RESULTS], ids=[r[0] for r in RESULTS]
)
def test_a_control_activity_does_what_its_properties_say(
    properties: Mapping[str, Json], act: Act, expected: Any
) -> None:
    """Outputs, branches, lanes and changes are exactly those of the contract."""
    assert Desk().act(act, properties) == expected


_EVALUATED = "The execution of template action 'A' failed: the result of the evaluation of "
_FOR_EACH = _EVALUATED + "'foreach' expression '{}' is of type '{}'. The result must be a valid array."
_CONDITION = _EVALUATED + "condition expression '{}' is of type '{}'. The result must be a valid boolean."
_TYPE = (
    "The variable '{0}' of type '{1}' cannot be initialized or updated with value of type '{2}'. "
    "The variable '{0}' only supports values of types '{1}'."
)

FAILURES: list[tuple[Act, Mapping[str, Json], str, str]] = [
    (for_each, {"items": _expression("@string(1)")}, "InvalidTemplate", _FOR_EACH.format("@string(1)", "String")),
    (for_each, {}, "InvalidTemplate", _FOR_EACH.format("", "Null")),
    (
        for_each,
        {"items": "@range(1,2)", "batchCount": 51},
        "BadRequest",
        "The property 'batchCount' is 51; allowed is 1 to 50.",
    ),
    (
        for_each,
        {"items": "@range(1,2)", "batchCount": 0},
        "BadRequest",
        "The property 'batchCount' is 0; allowed is 1 to 50.",
    ),
    (
        if_condition,
        {"expression": _expression("@add(1,1)")},
        "InvalidTemplate",
        _CONDITION.format("@add(1,1)", "Integer"),
    ),
    (if_condition, {"expression": "true"}, "InvalidTemplate", _CONDITION.format("true", "String")),
    (
        filter_items,
        {"items": "@range(1,2)", "condition": "@item()"},
        "InvalidTemplate",
        _CONDITION.format("@item()", "Integer"),
    ),
    (wait, {}, "BadRequest", "The property 'waitTimeInSeconds' must be an integer; it is of type 'Null'."),
    (wait, {"waitTimeInSeconds": -1}, "BadRequest", "The property 'waitTimeInSeconds' is -1; allowed is 0 to 7776000."),
    (fail, {"message": "@concat('no ', 'good')", "errorCode": "@string(500)"}, "500", "no good"),
    (
        fail,
        {"message": "", "errorCode": "1"},
        "BadRequest",
        "The property 'message' must be a non-empty string; it is empty.",
    ),
    (
        fail,
        {"message": "m", "errorCode": 1},
        "BadRequest",
        "The property 'errorCode' must be a non-empty string; it is of type 'Integer'.",
    ),
    (set_variable, {"variableName": "text", "value": 1}, "InvalidTemplate", _TYPE.format("text", "String", "Integer")),
    (
        set_variable,
        {"variableName": "flag", "value": "true"},
        "InvalidTemplate",
        _TYPE.format("Flag", "Boolean", "String"),
    ),
    (
        set_variable,
        {"variableName": "count", "value": 1.5},
        "InvalidTemplate",
        _TYPE.format("count", "Integer", "Float"),
    ),
    (set_variable, {"variableName": "list", "value": {}}, "InvalidTemplate", _TYPE.format("list", "Array", "Object")),
    (
        set_variable,
        {"variableName": "x", "value": 1},
        "InvalidTemplate",
        "The variable 'x' is not declared in pipeline 'p'.",
    ),
    (
        append_variable,
        {"variableName": "text", "value": 1},
        "InvalidTemplate",
        "The variable 'text' of type 'String' cannot be appended to. Only variables of type 'Array' can.",
    ),
]


@pytest.mark.parametrize(("act", "properties", "label", "message"), FAILURES)
def test_a_control_activity_fails_in_the_words_of_the_contract(
    act: Act, properties: Mapping[str, Json], label: str, message: str
) -> None:
    """Who reads the message knows which property of which activity is wrong, and how."""
    assert failure_of(Desk().act(act, properties)) == (label, message)


def test_a_loop_over_too_many_items_is_refused() -> None:
    """One hundred thousand items are the limit, and the message says so."""
    desk = Desk(a_run(parameters={"many": list(range(100_001))}))
    label, message = failure_of(desk.act(for_each, {"items": "@pipeline().parameters.many"}))
    assert (label, message) == ("BadRequest", "The activity 'A' loops over 100001 items; at most 100000 are allowed.")


def test_until_asks_after_each_pass() -> None:
    """There is at least one pass; the expression is only evaluated behind one."""
    desk = Desk()
    properties: Mapping[str, Json] = {
        "expression": _expression("@equals(variables('text'), 'done')"),
        "timeout": "0.00:10:00",
    }
    first = desk.act(until, properties)
    assert first == Expansion("pass", number=0, again=True, state={"pass": 0})
    assert desk.resume(until, properties, first.state) == Expansion("pass", number=1, again=True, state={"pass": 1})
    desk.around.values["text"] = "done"
    assert desk.resume(until, properties, {"pass": 1}) == Outcome({})
    assert failure_of(desk.resume(until, {"expression": "@string(1)"}, {"pass": 0})) == (
        "InvalidTemplate",
        _CONDITION.format("@string(1)", "String"),
    )


def test_a_wait_is_over_when_it_is_gone_on_with() -> None:
    """The engine keeps the time, so a restart does not begin it anew."""
    assert Desk().resume(wait, {"waitTimeInSeconds": 5}, {}) == Outcome({})


def test_the_evaluated_input_is_noted_with_what_the_user_said_of_it() -> None:
    """Doors show the properties as they were evaluated, the user's own properties as texts, and what is to be hidden."""
    desk = Desk()
    settings: Mapping[str, Json] = {
        "userProperties": [{"name": "n", "value": "@add(1,1)"}, {"name": "t", "value": "x"}],
        "policy": {"secureInput": "@equals(1,2)", "secureOutput": True},
    }
    desk.act(wait, {"waitTimeInSeconds": "@add(1,1)"}, settings=settings)
    assert desk.notes == {
        "input": {"waitTimeInSeconds": 2},
        "userProperties": {"n": "2", "t": "x"},
        "secureInput": False,
        "secureOutput": True,
    }


def test_a_secure_input_is_not_even_kept() -> None:
    """Nothing goes on with an input, so what nobody may see is in no ledger and no copy of it either."""
    desk = Desk()
    desk.act(wait, {"waitTimeInSeconds": 2}, settings={"policy": {"secureInput": True}})
    assert (desk.notes["input"], desk.notes["secureInput"]) == ({}, True)


def test_a_secret_is_no_error_code_either() -> None:
    """A Fail names its own code, which doors show as it is."""
    desk = Desk(a_run(parameters={"s": seal_value(SEALER, SCOPE, "s3cr3t-value")}))
    of = "@pipeline().parameters.s"
    assert failure_of(desk.act(fail, {"message": of, "errorCode": of})) == ("**********", "**********")


def test_a_secure_parameter_is_never_shown() -> None:
    """It is masked in inputs, outputs, messages of failures, and errors of expressions; the variable gets it all the same."""
    secret = "s3cr3t-value"
    desk = Desk(a_run(parameters={"s": seal_value(SEALER, SCOPE, secret)}))
    done = desk.act(set_variable, {"variableName": "text", "value": "pw=@{pipeline().parameters.s}"})
    assert done.output == {"name": "text", "value": "pw=**********"}
    assert done.changes == (VariableChange("text", f"pw={secret}"),)
    assert desk.notes["input"] == {"variableName": "text", "value": "pw=**********"}
    _, message = failure_of(desk.act(fail, {"message": "@pipeline().parameters.s", "errorCode": "1"}))
    assert message == "**********"
    with pytest.raises(Problem) as raised:
        desk.act(fail, {"message": "@formatDateTime(pipeline().parameters.s)", "errorCode": "1"})
    assert secret not in raised.value.message
    assert "**********" in raised.value.message


def test_what_cannot_be_evaluated_is_a_problem_of_the_expression() -> None:
    """The engine does not try it again, and doors call it InvalidTemplate."""
    with pytest.raises(Problem) as raised:
        Desk().act(wait, {"waitTimeInSeconds": "@variables('nope')"})
    assert raised.value.code is Code.EXPRESSION_TYPE


RETURNED: list[tuple[Json, Json]] = [
    ({"type": "String", "content": "@concat('a','b')"}, "ab"),
    ({"type": "Expression", "content": "@createArray(1)"}, [1]),
    ({"type": "Boolean", "content": "true"}, True),
    ({"type": "Int", "content": "12"}, 12),
    ({"type": "Float", "content": 1}, 1.0),
    ({"type": "Null"}, None),
    ({"type": "Array", "content": [{"type": "Int", "content": 1}, {"type": "String", "content": "x"}]}, [1, "x"]),
    ({"type": "Object", "content": [{"key": "in", "value": {"type": "Int", "content": 1}}]}, {"in": 1}),
]


@pytest.mark.parametrize(("typed", "expected"), RETURNED)
def test_a_return_value_is_made_of_typed_contents(typed: Json, expected: Json) -> None:
    """Each of the eight types gives its JSON value."""
    properties: Mapping[str, Json] = {
        "variableName": "pipelineReturnValue",
        "setSystemVariable": True,
        "value": [{"key": "k", "value": typed}],
    }
    done = Desk().act(set_variable, properties)
    assert done.changes == (VariableChange("pipelineReturnValue", {"k": expected}),)
    assert done.output == {"name": "pipelineReturnValue", "value": {"k": expected}}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "The value of 'pipelineReturnValue' must be a list of keys and values."),
        ([1], "The value of 'pipelineReturnValue' must be a list of objects with 'key' and 'value'."),
        (
            [{"key": "k", "value": 1}],
            "The value of 'pipelineReturnValue' must be an object with 'type' and 'content' for the key 'k'.",
        ),
        (
            [{"key": "k", "value": {"type": "Int", "content": "x"}}],
            "The value of 'pipelineReturnValue' must be content of type Int for the key 'k', not of type 'String'.",
        ),
    ],
)
def test_a_return_value_of_another_form_is_refused(value: Json, message: str) -> None:
    """The message says what was expected, and for which key."""
    properties: Mapping[str, Json] = {"variableName": "pipelineReturnValue", "setSystemVariable": True, "value": value}
    assert failure_of(Desk().act(set_variable, properties)) == ("BadRequest", message)


def test_a_return_value_beyond_the_limit_is_refused() -> None:
    """Four megabytes are the limit of what a pipeline returns."""
    desk = Desk(a_run(parameters={"big": "x" * (5 << 19)}))
    one: Mapping[str, Json] = {"type": "String", "content": "@pipeline().parameters.big"}
    value: list[Json] = [{"key": "a", "value": one}]
    properties: Mapping[str, Json] = {"variableName": "pipelineReturnValue", "setSystemVariable": True, "value": value}
    assert desk.act(set_variable, properties).failure is None
    twice: Mapping[str, Json] = {**properties, "value": [*value, {"key": "b", "value": one}]}
    label, message = failure_of(desk.act(set_variable, twice))
    assert (label, message) == ("BadRequest", "The return value has 5242898 bytes; at most 4194304 are allowed.")


def test_what_an_activity_takes_and_gives_is_bounded() -> None:
    """Four megabytes of input and output together are the limit."""
    desk = Desk(a_run(parameters={"big": "x" * (5 << 19)}))
    properties: Mapping[str, Json] = {"variableName": "text", "value": "@pipeline().parameters.big"}
    label, message = failure_of(desk.act(set_variable, properties))
    assert (label, message) == ("2001", "The length of execution output is over limit (around 4MB currently).")
