"""Which strings are expressions, what interpolation does, and what is found without evaluating."""

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.language.datafactory.references import References, references
from headrace.language.datafactory.state import FixedState
from language.datafactory.evaluating import STATE, assert_value, refusal_of, value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("plain", "plain"),
        ("@", "@"),
        ("@@", "@"),
        ("@@@", "@@"),
        ("@@concat('a')", "@concat('a')"),
        ("@@x @{1}", "@x @{1}"),
        (" @concat('a')", " @concat('a')"),
        ("a@b.example", "a@b.example"),
        ("a @@ b", "a @@ b"),
        ("a@@{1}", "a@{1}"),
        ("a@@@{1}", "a@@{1}"),
        ("a@@{", "a@{"),
        ("@{1}@@{2}@{3}", "1@{2}3"),
        ("@{1}", "1"),
        ("@{1}}", "1}"),
        (" @{1} ", " 1 "),
        ("@{ 'x' }", "x"),
        ("@{'}'}", "}"),
        ("@{'it''s }'}!", "it's }!"),
        ("@{concat('{', '}')}", "{}"),
        ("@{'@{1}'}", "@{1}"),
        ("@{null}|@{true}|@{1.0}|@{2.50}", "|True|1|2.5"),
        ("@{pipeline().parameters.arr}@{item()}", '[1,2,3]{"name":"it","n":3}'),
        ("@{item().n}%", "3%"),
        ("{@{item().n}}", "{3}"),
        ("@activity('look up').output.note", "@{1}"),
        ("@{activity('Look Up').output.note}", "@{1}"),
    ],
)
def test_a_text_is_an_expression_or_not(text: str, value: Json) -> None:
    """By its first characters; in an interpolation the value is always a text, and nothing is evaluated twice."""
    assert_value(text, value)


@pytest.mark.parametrize("text", ["@{", "a@{b", "😀@{'}", "x@{1}@{concat('a}"])
def test_a_segment_without_an_end_is_placed_in_the_whole_text(text: str) -> None:
    """The message has the whole text, since there is no expression yet."""
    place = len(text[: text.rindex("@{")].encode("utf-16-le")) // 2
    assert refusal_of(text) == (
        f"The expression '{text}' is not valid: the string interpolation segment starting at position '{place}' is not terminated. "
        "Make sure that every '@{' is followed by its '}'."
    )


def test_messages_about_a_segment_have_the_segment() -> None:
    """Not the text around it; blanks are kept as they were written."""
    assert refusal_of("a @{ item().zz } b") == (
        "The expression ' item().zz ' cannot be evaluated because property 'zz' doesn't exist, available properties are 'name, n'."
    )
    assert refusal_of("@ item().zz").startswith("The expression ' item().zz' cannot")


def test_strings_of_a_document_are_evaluated_wherever_they_stand() -> None:
    """Keys, numbers and the order of keys stay."""
    template = {"z": "@add(1, 1)", "a": ["@{item().n}", 5, None, {"@key": "x"}], "b": True}
    value = value_of(template)
    assert value == {"z": 2, "a": ["3", 5, None, {"@key": "x"}], "b": True}
    assert isinstance(value, dict)
    assert list(value) == ["z", "a", "b"]


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ({"value": "@add(1, 1)", "type": "Expression"}, 2),
        ({"type": "Expression", "value": "@{1}"}, "1"),
        ({"value": "text", "type": "Expression"}, "text"),
        ({"value": "@add(1, 1)", "type": "expression"}, {"value": 2, "type": "expression"}),
        ({"value": "@add(1, 1)", "type": "SecureString"}, {"value": 2, "type": "SecureString"}),
        ({"value": "@1", "type": "Expression", "x": 1}, {"value": 1, "type": "Expression", "x": 1}),
        ({"value": ["@1"], "type": "Expression"}, {"value": [1], "type": "Expression"}),
        ({"items": {"value": "@pipeline().parameters.arr", "type": "Expression"}}, {"items": [1, 2, 3]}),
    ],
)
def test_an_expression_object_is_replaced_by_its_value(template: Json, value: Json) -> None:
    """Exactly the two keys, and the type as it is written."""
    assert value_of(template) == value


def test_a_template_that_nests_too_deeply_is_refused() -> None:
    """A document is data that users send."""
    template: Json = "@1"
    for _ in range(5_000):
        template = [template]
    assert "nests deeper" in refusal_of(template)


def test_what_a_template_names_is_found_without_evaluating() -> None:
    """Names are given as written; computed ones cannot be known."""
    found = references(
        {
            "one": "@concat(activity('A').output, Variables('v'), pipeline().Parameters.p)",
            "two": [
                "x @{pipeline().parameters['q']} @{pipeline().globalParameters?.g}",
                "@@activity('no')",
                "activity('no')",
            ],
            "three": {"value": "@parameters('r')", "type": "Expression"},
            "four": "@activity(concat('B', '')).output[variables('i')]",
        }
    )
    assert found.activities == {"A"}
    assert found.variables == {"v", "i"}
    assert found.parameters == {"p", "q", "r"}
    assert found.global_parameters == {"g"}
    assert not found.uses_item
    assert [(use.name, use.at) for use in found.accessors[:3]] == [("activity", 7), ("Variables", 29), ("pipeline", 45)]
    assert references("@item()").uses_item
    assert references({"a": [1, None, "text"]}) == References()


def test_what_cannot_be_read_has_no_references() -> None:
    """The definition's check tells it with the text of the service."""
    with pytest.raises(Problem, match="Unable to parse expression 'concat\\(': expected token"):
        references({"a": "@concat("})


def test_accessors_are_errors_where_they_have_nothing_to_tell() -> None:
    """An empty state is a pipeline without anything."""
    empty = FixedState()
    for name in ("item", "dataset", "linkedService", "trigger", "triggerBody"):
        message = f"The template function '{name}' is not expected at this location."
        assert refusal_of(f"@{name}()", empty) == message
    assert refusal_of("@activity()") == "The template function 'activity' is not expected at this location."
    assert refusal_of("@variables('x')") == "Expression cannot be evaluated: the template variable 'x' cannot be found."
    assert refusal_of("@activity('x')") == (
        "Expression cannot be evaluated: the template action 'x' is not defined at current scope."
    )
    assert refusal_of("@parameters('x')") == "The workflow parameter 'x' is not found"
    for name in ("variables", "activity"):
        assert refusal_of(f"@{name}(1)") == f"The provided parameters for function '{name}' are not valid."


def test_accessors_tell_what_the_state_has() -> None:
    """Names compare without case; parameters() are those of the innermost definition."""
    state = FixedState.of(
        {
            "parameters": {"x": "pipeline"},
            "dataset": {"x": "dataset"},
            "trigger": {"outputs": {"windowStartTime": "t"}},
            "triggerBody": {"fileName": "f.csv"},
        }
    )
    assert value_of("@dataset().X", state) == "dataset"
    assert value_of("@parameters('x')", state) == "dataset"
    assert value_of("@trigger().outputs.windowStartTime", state) == "t"
    assert value_of("@triggerBody().filename", state) == "f.csv"
    assert value_of("@linkedService().y", FixedState.of({"linkedService": {"y": None}})) is None
    assert value_of("@variables('TOTAL')") == 3
    assert value_of("@parameters('S')") == "foo"
    assert value_of("@pipeline().globalparameters.G") == "gv"
    assert value_of("@activity('LOOK UP').Status", STATE) == "Succeeded"
