"""Filters of table sources: PQL becomes a condition, and each mistake has its number (7.5)."""

import base64
import json
from typing import Any

import pytest

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.translate.filters import decode_filters, read_filters
from headrace.core.condition import AllOf, AnyOf, Comparator, Comparison, IsNull, Membership, Negation

AGE = {"nodeType": "fieldLookup", "fieldName": "age"}


def literal(value: Any) -> dict[str, Any]:
    """Return a literal node."""
    return {"nodeType": "literal", "value": value}


def apply(name: Any, *params: Any) -> dict[str, Any]:
    """Return a function node."""
    return {"nodeType": "fnApply", "fnName": name, "params": list(params)}


def pql(node: Any, **given: Any) -> dict[str, Any]:
    """Return the filter of ``node``."""
    return {"type": "PQL", "format": "pql/json", "value": node, **given}


OLD = Comparison("age", Comparator.GT, 30)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (apply(">", AGE, literal(30)), OLD),
        (apply("<", literal(30), AGE), OLD),
        (apply("==", AGE, literal("x")), Comparison("age", Comparator.EQ, "x")),
        (apply("LIKE", AGE, literal("a%")), Comparison("age", Comparator.LIKE, "a%")),
        (apply("in", AGE, literal([1, 2])), Membership("age", (1, 2))),
        (apply("in", AGE, literal(1), literal(True)), Membership("age", (1, True))),
        (apply("isnull", AGE), IsNull("age")),
        (apply("NOT", apply("isNull", AGE)), Negation(IsNull("age"))),
        (
            apply("And", apply(">", AGE, literal(30)), apply("or", apply("isNull", AGE))),
            AllOf((OLD, AnyOf((IsNull("age"),)))),
        ),
    ],
)
def test_a_filter_becomes_a_condition(node: Any, expected: Any) -> None:
    """Functions in any case; a literal may stand on the left."""
    assert read_filters(pql(node)) == expected


def test_no_filter_is_no_condition() -> None:
    """Absent, null and empty mean the same."""
    assert read_filters(None) is read_filters({}) is None


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"type": "SQL"}, Fault.FILTER_TYPE),
        ({"type": "PQL", "format": "pql/text"}, Fault.FILTER_FORMAT),
        ({"type": "PQL", "format": "pql/json"}, Fault.FILTER_NO_VALUE),
        (pql(apply(None)), Fault.FILTER_NO_FUNCTION),
        (pql(apply("between", AGE)), Fault.FILTER_FUNCTION),
        (pql(apply("not", apply("isNull", AGE), apply("isNull", AGE))), Fault.FILTER_NEGATION),
        (pql(apply("=", AGE, literal(None))), Fault.FILTER_NULL),
        (pql(apply("in", AGE, literal([1, None]))), Fault.FILTER_NULL),
        (pql(apply("=", AGE, literal([1]))), Fault.FILTER_LITERAL),
        (pql(apply("=", AGE, literal(10**40))), Fault.FILTER_LITERAL),
        (pql(apply("like", AGE, literal(1))), Fault.FILTER_LITERAL),
        (pql(apply("in", AGE, literal([]))), Fault.FILTER_LITERAL),
        (pql(apply("=", AGE)), Fault.FILTER_INVALID),
        (pql(apply("=", AGE, AGE)), Fault.FILTER_INVALID),
        (pql(apply("and")), Fault.FILTER_INVALID),
        (pql(apply("=", {"nodeType": "fieldLookup"}, literal(1))), Fault.FILTER_INVALID),
        (pql(AGE), Fault.FILTER_INVALID),
        (pql({"nodeType": "fnApply", "fnName": "=", "params": "x"}), Fault.FILTER_INVALID),
        ("age > 30", Fault.FILTER_INVALID),
    ],
)
def test_a_filter_that_is_none_is_refused_by_its_number(given: Any, fault: Fault) -> None:
    """Every mistake of 7.5."""
    with pytest.raises(Refusal) as caught:
        read_filters(given)
    assert caught.value.fault is fault


def test_a_filter_in_a_query_comes_as_base64() -> None:
    """Plain or URL-safe, with its padding or without; what is neither is 1389."""
    text = base64.b64encode(json.dumps(pql(apply(">", AGE, literal(30)))).encode()).decode()
    for form in (text, text.rstrip("="), text.replace("+", "-").replace("/", "_")):
        assert decode_filters(form) == OLD
    for bad in ("%%%", base64.b64encode(b"{").decode(), "é"):
        with pytest.raises(Refusal) as caught:
            decode_filters(bad)
        assert caught.value.fault is Fault.FILTER_ENCODING
