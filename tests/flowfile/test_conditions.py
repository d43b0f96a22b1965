"""Which rows of a table are read: a small YAML form becomes a condition of the core."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from headrace.core.condition import AllOf, AnyOf, Comparator, Comparison, IsNull, Membership, Negation
from headrace.flowfile import json_schema
from headrace.flowfile.conditions import condition_of
from headrace.flowfile.findings import Findings
from headrace.flowfile.yamltext import parse

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator({"$ref": "#/$defs/where", "$defs": SCHEMA["$defs"]})
OPEN = Comparison("status", Comparator.EQ, "open")
VIP = Comparison("vip", Comparator.EQ, value=True)


def yaml(text: str) -> Any:
    """Return a YAML text as JSON."""
    return parse(text, "f").value


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("{status: open}", OPEN),
        ("{status: open, vip: true}", AllOf((OPEN, VIP))),
        ("{n: [1, 2]}", Membership("n", (1, 2))),
        ("{n: {in: [1]}}", Membership("n", (1,))),
        ("{n: null}", IsNull("n")),
        ("{n: [1, null]}", AnyOf((Membership("n", (1,)), IsNull("n")))),
        ("{n: [null]}", IsNull("n")),
        ("{n: {'=': null}}", IsNull("n")),
        ("{n: {'!=': null}}", Negation(IsNull("n"))),
        ("{n: {not: null}}", Negation(IsNull("n"))),
        ("{n: {not: [1, 2]}}", Negation(Membership("n", (1, 2)))),
        ("{n: {not: {like: 'a%'}}}", Negation(Comparison("n", Comparator.LIKE, "a%"))),
        ("{n: {'>=': 1, '<': 2.5}}", AllOf((Comparison("n", Comparator.GE, 1), Comparison("n", Comparator.LT, 2.5)))),
        ("{any: [{status: open}, {vip: true}]}", AnyOf((OPEN, VIP))),
        ("{all: [{status: open}, {vip: true}]}", AllOf((OPEN, VIP))),
        ("{not: {status: open, vip: true}}", Negation(AllOf((OPEN, VIP)))),
        ("{vip: true, not: {any: [{status: open}]}}", AllOf((VIP, Negation(AnyOf((OPEN,)))))),
    ],
)
def test_conditions_mean_what_they_look_like(text: str, condition: object) -> None:
    """And the editor's schema takes each of them."""
    findings = Findings()
    assert condition_of(yaml(text), findings) == condition
    assert findings.found == []
    VALIDATOR.validate(yaml(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "source.where: the object is empty (such as {status: open})"),
        ("{n: []}", "source.where.n: the list is empty"),
        ("{n: {}}", "source.where.n: the object is empty (one of =, !=, <, <=, >, >=, like, in, not)"),
        ("{n: {'=>': 1}}", "source.where.n.=>: unknown operator '=>' (did you mean '>='?)"),
        ("{n: {LIKE: x}}", "unknown operator 'LIKE' (did you mean 'like'?)"),
        ("{n: {gte: 1}}", "did you mean '>='?"),
        ("{n: {not in: [1]}}", "did you mean 'not'?"),
        ("{n: {soundex: x}}", "unknown operator 'soundex' (one of =, !=,"),
        ("{n: {like: 5}}", "source.where.n.like: expected a text with % and _"),
        ("{n: {in: 5}}", "source.where.n.in: expected a list of values"),
        ("{n: {'<': null}}", "source.where.n.<: expected a text, a number, true or false"),
        ("{n: [1, [2]]}", "source.where.n[1]: expected a text, a number, true or false"),
        ("{any: {status: open}}", "source.where.any: expected a list of objects of columns"),
        ("{any: []}", "source.where.any: expected a list of objects of columns"),
        ("{any: [open]}", "source.where.any[0]: expected an object of columns"),
        ("{not: open}", "source.where.not: expected an object of columns (such as {status: open})"),
        ("{all: [{a: {'==': 1}}, {b: []}]}", "did you mean '='?"),
    ],
)
def test_what_makes_no_condition_is_refused_with_what_would(text: str, words: str) -> None:
    """By the editor, too."""
    findings = Findings()
    assert condition_of(yaml(text), findings) is None
    assert any(words in str(error) for _, error in findings.found), [str(error) for _, error in findings.found]
    assert not VALIDATOR.is_valid(yaml(text))
