"""The tables of the mapping language, out: functions and operators as the service lists them (8.1)."""

from collections.abc import Iterator

from headrace.api.flowservice.wire import Item
from headrace.core.errors import Problem
from headrace.core.schema import Kind
from headrace.language.dataprep import FunctionDoc, compile_expression, functions

_TYPES = {
    Kind.STRING: "String",
    Kind.BOOLEAN: "Boolean",
    Kind.INTEGER: "Integer",
    Kind.LONG: "Long",
    Kind.FLOAT: "Double",
    Kind.DOUBLE: "Double",
    Kind.DECIMAL: "Number",
    Kind.DATE: "Date",
    Kind.TIMESTAMP: "Date",
    Kind.LIST: "Array",
    Kind.STRUCT: "Object",
    Kind.JSON: "Object",
}
_ANY = "Any"
_GENERIC = frozenset({"coalesce", "first", "last", "decode", "iif", "min", "max", "get"})
"""Functions that return what they are given."""

_OPERATORS = (
    ("+", "add", 2, "sum of numbers; with a text, both are joined", "1 + 2"),
    ("-", "subtract", 2, "difference", "3 - 2"),
    ("*", "multiply", 2, "product", "2 * 3"),
    ("/", "divide", 2, "quotient; whole numbers stay whole", "6 / 2"),
    ("div", "divide", 2, "as /", "6 div 2"),
    ("%", "mod", 2, "remainder", "7 % 2"),
    ("mod", "mod", 2, "as %", "7 mod 2"),
    ("-", "negate", 1, "the number with the other sign", "-1"),
    ("~", "bitwiseComplement", 1, "complement of the bits of a whole number", "~1"),
    ("&", "bitwiseAnd", 2, "bits that both have", "3 & 1"),
    ("|", "bitwiseOr", 2, "bits that one of both has", "1 | 2"),
    ("^", "bitwiseXor", 2, "bits that exactly one of both has", "3 ^ 1"),
    ("==", "equals", 2, "equality; null equals null only", "1 == 1"),
    ("eq", "equals", 2, "as ==", "1 eq 1"),
    ("!=", "notEquals", 2, "inequality", "1 != 2"),
    ("ne", "notEquals", 2, "as !=", "1 ne 2"),
    ("<", "lessThan", 2, "order; false where a side is null", "1 < 2"),
    ("lt", "lessThan", 2, "as <", "1 lt 2"),
    ("<=", "lessThanOrEqual", 2, "order; false where a side is null", "1 <= 1"),
    ("le", "lessThanOrEqual", 2, "as <=", "1 le 1"),
    (">", "greaterThan", 2, "order; false where a side is null", "2 > 1"),
    ("gt", "greaterThan", 2, "as >", "2 gt 1"),
    (">=", "greaterThanOrEqual", 2, "order; false where a side is null", "1 >= 1"),
    ("ge", "greaterThanOrEqual", 2, "as >=", "1 ge 1"),
    ("&&", "and", 2, "both; the right side is looked at only where the left one holds", "true && true"),
    ("and", "and", 2, "as &&", "true and true"),
    ("||", "or", 2, "one of both; the right side is looked at only where the left one does not hold", "true || false"),
    ("or", "or", 2, "as ||", "true or false"),
    ("!", "not", 1, "negation", "!false"),
    ("not", "not", 1, "as !", "not false"),
    ("?:", "ternary", 3, "the second operand where the first holds, else the third", 'true ? "a" : "b"'),
    ("??", "nullCoalesce", 2, "the left side where it is not null, else the right one", 'null ?? "a"'),
)


def function_list() -> list[Item]:
    """Return every function, under its name and each of its aliases, as the service lists it."""
    return [_function(name, doc) for doc in functions() for name in (doc.name, *doc.aliases)]


def operator_list() -> list[Item]:
    """Return every operator as the service lists it."""
    names = ("operatorSymbol", "methodName", "numberOfOperands", "description", "example")
    return [dict(zip(names, row, strict=True)) for row in _OPERATORS]


def _function(name: str, doc: FunctionDoc) -> Item:
    syntax = doc.syntax if name == doc.name else doc.syntax.replace(doc.name, name, 1)
    type_ = _ANY if doc.name in _GENERIC else _type_of(doc.example)
    return {
        "category": doc.category,
        "function": name,
        "description": doc.doc,
        "syntax": syntax,
        "returns": doc.doc,
        "returnType": type_,
        "example": doc.example if name == doc.name else doc.example.replace(doc.name, name, 1),
        "result": doc.result,
        "params": list(_parameters(doc)),
        "since": "1.0",
    }


def _type_of(example: str) -> str:
    """Return the type that the compiler finds in an example; examples that read columns have any."""
    try:
        type_ = compile_expression(example, {}).type
    except Problem:
        return _ANY
    return _TYPES.get(type_.kind, "String") if type_ is not None else _ANY


def _parameters(doc: FunctionDoc) -> Iterator[Item]:
    """Yield the parameters of a function's syntax, a method's receiver first."""
    head, _, inner = doc.syntax.partition("(")
    names = [head.removesuffix(f".{doc.name}")] if head != doc.name else []
    depth = 0
    described = []
    for part in inner.removesuffix(")").split(","):
        opened = part.count("[")
        optional = depth > 0 or part.strip().startswith("[")
        depth += opened - part.count("]")
        name, _, default = part.strip(" []").partition("=")
        if name.strip(" …"):
            described.append((name.strip(), "optional" if optional else "required", default.strip(" []")))
    for position, (name, need, default) in enumerate([*((one, "required", "") for one in names), *described]):
        many = ", any number" if "…" in name else ""
        what = f"{need}{many}, {default} when it is left out" if default else f"{need}{many}"
        yield {
            "name": name.strip(" …"),
            "description": what,
            "type": need.upper(),
            "dataType": _ANY,
            "position": position,
        }
