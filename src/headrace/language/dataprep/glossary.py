"""What a reader is told beside the table of functions: their parameters, what they return, and the operators."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from headrace.language.dataprep.table import FunctionDoc


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function; ``repeats`` where any number of them is taken."""

    name: str
    type: str
    description: str
    optional: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class OperatorDoc:
    """What a reader is told of an operator, under one of its spellings."""

    symbol: str
    method: str
    operands: int
    description: str
    example: str
    result: str


_ANY: Final = "any"
_PARAMETERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "s": ("string", "a text"),
        "sub": ("string", "the text that is looked for"),
        "start": ("integer", "the position to begin at, from 0"),
        "length": ("integer", "the largest number of characters"),
        "n": ("integer", "a number of characters or occurrences"),
        "find": ("string", "the text to replace"),
        "replacement": ("string", "what stands in its place"),
        "count": ("integer", "the number of characters to fill up to"),
        "pad": ("string", "what is filled with; a space when left out"),
        "regex": ("string", "a regular expression of RE2, in quotes"),
        "separator": ("string", "the text between two elements"),
        "separators": ("string", "the characters to split at"),
        "list": ("array", "a list"),
        "charset": ("string", "UTF-8 (when left out), UTF-16, ISO-8859-1 or US-ASCII"),
        "url": ("string", "a URL"),
        "full": ("boolean", "false for the last part only; true when left out"),
        "anchor": ("string", "retain, remove or append"),
        "d": ("date", "a date or date-time"),
        "ms": ("long", "milliseconds since 1970"),
        "pattern": ("string", "a pattern of dates, in quotes"),
        "default": (_ANY, "the value for lack of another"),
        "component": ("string", "the name of a part of a date, in quotes"),
        "zone": ("string", "the name of a time zone"),
        "year": ("integer", "the year"),
        "month": ("integer", "the month, from 1"),
        "day": ("integer", "the day of the month, from 1"),
        "hour": ("integer", "the hour, from 0"),
        "minute": ("integer", "the minute, from 0"),
        "second": ("integer", "the second, from 0"),
        "nanosecond": ("integer", "the nanosecond, from 0"),
        "value": (_ANY, "a value"),
        "x": (_ANY, "a value"),
        "a": (_ANY, "a value"),
        "b": (_ANY, "another value"),
        "o": ("object", "an object or a map"),
        "map": ("map", "a map or an object"),
        "objects": ("array", "a list of objects"),
        "key": (_ANY, "a key; it becomes a text"),
        "keys": (_ANY, "a key, or a list of keys"),
        "field": ("string", "the name of a field, in quotes"),
        "path": ("string", "the path of a field of the source"),
        "valueDelimiter": ("string", "what stands between a key and its value; : when left out"),
        "fieldDelimiter": ("string", "what stands between two keys; , when left out"),
        "includeNulls": ("boolean", "whether nulls stay in the list"),
        "index": ("integer", "an index, which has no effect"),
        "condition": ("boolean", "a condition"),
        "x -> condition": ("lambda", "a condition for each element"),
        "x -> value": ("lambda", "what is made of each element"),
        "k1": (_ANY, "a key to compare with"),
        "v1": (_ANY, "the value beside the key"),
        "events": ("string", "an Analytics event string"),
        "event": ("string", "the name of an event"),
        "products": ("string", "an Analytics product string"),
        "evar": ("string", "the name of a merchandising variable"),
    }
)
_GENERIC: Final = frozenset(
    [
        "coalesce",
        "first",
        "last",
        "decode",
        "iif",
        "min",
        "max",
        "get",
        "nullify",
        "upsert_array_append",
        "upsert_array_replace",
        "map_get_values",
    ]
)
"""Functions that return what they are given."""
_RETURNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "boolean": "is_empty equals equalsIgnoreCase matches_regex contains_key map_has_keys",
        "integer": "instr size_of to_integer get_url_port date_part timestamp",
        "double": "to_float",
        "number": "to_bigint to_decimal",
        "date": "now date set_date_part make_timestamp zone_date_to_utc zone_date_to_zone",
        "array": (
            "explode split extract_regex get_keys add_to_array join_arrays to_array arrays_to_objects filterArray transformArray flattenArray "
            "aa_get_product_categories aa_get_product_names aa_get_product_quantities aa_get_product_prices aa_get_product_event_values "
            "aa_get_product_evars"
        ),
        "object": "to_object str_to_object json_to_object",
        "map": "get_url_query_str add_to_map object_to_map array_to_map to_map",
    }
)
_RETURNED: Final = {name: type_ for type_, names in _RETURNS.items() for name in names.split()}


def returned(doc: FunctionDoc) -> str:
    """Return the type of what a function gives: string, boolean, integer, double, number, date, array, object, map, any."""
    return _ANY if doc.name in _GENERIC else _RETURNED.get(doc.name, "string")


def parameters(doc: FunctionDoc) -> Sequence[Parameter]:
    """Return the parameters of a function, the receiver of a method first."""
    head, _, inner = doc.syntax.removesuffix(")").partition("(")
    receiver = head.rpartition(".")[0]
    found = [_parameter(receiver, optional=False, repeats=False)] if receiver else []
    repeats = "…" in inner
    depth, names = 0, []
    for piece in re.findall(r"\[|\]|[^,\[\]]+", inner):
        depth += (piece == "[") - (piece == "]")
        name = piece.strip(" …")
        if name and piece not in "[]":
            names.append((name, depth > 0))
    last = max((number for number, (_, optional) in enumerate(names) if not optional), default=-1)
    for number, (name, optional) in enumerate(names):
        found.append(_parameter(name, optional=optional, repeats=repeats and number == last))
    return found


def _parameter(name: str, *, optional: bool, repeats: bool) -> Parameter:
    type_, description = _PARAMETERS[name]
    return Parameter(name, type_, description, optional, repeats)


def operators() -> Sequence[OperatorDoc]:
    """Return every operator in each of its spellings, from those that bind loosely to those that bind tightly."""
    return _OPERATORS


_OPERATORS: Final = tuple(
    OperatorDoc(*row)
    for row in (
        ("?:", "ternary", 3, "the second operand where the first holds, else the third", 'true ? "a" : "b"', "a"),
        (
            "?:",
            "elvis",
            2,
            "the left side where it is neither null, false, 0 nor empty, else the right one",
            '"" ?: "a"',
            "a",
        ),
        ("??", "nullCoalesce", 2, "the left side where it is not null, else the right one", 'null ?? "a"', "a"),
        (
            "||",
            "or",
            2,
            "one of both; the right side is looked at only where the left one does not hold",
            "true || false",
            "true",
        ),
        ("or", "or", 2, "as ||", "true or false", "true"),
        ("&&", "and", 2, "both; the right side is looked at only where the left one holds", "true && false", "false"),
        ("and", "and", 2, "as &&", "true and false", "false"),
        ("|", "bitwiseOr", 2, "bits that one of both has", "1 | 2", "3"),
        ("^", "bitwiseXor", 2, "bits that exactly one of both has", "3 ^ 1", "2"),
        ("&", "bitwiseAnd", 2, "bits that both have", "3 & 1", "1"),
        ("==", "equals", 2, "equality; null equals null only", "1 == 1", "true"),
        ("eq", "equals", 2, "as ==", "1 eq 1", "true"),
        ("!=", "notEquals", 2, "inequality", "1 != 2", "true"),
        ("ne", "notEquals", 2, "as !=", "1 ne 2", "true"),
        ("<", "lessThan", 2, "order; false where a side is null", "1 < 2", "true"),
        ("lt", "lessThan", 2, "as <", "1 lt 2", "true"),
        ("<=", "lessThanOrEqual", 2, "order; false where a side is null", "1 <= 1", "true"),
        ("le", "lessThanOrEqual", 2, "as <=", "1 le 1", "true"),
        (">", "greaterThan", 2, "order; false where a side is null", "2 > 1", "true"),
        ("gt", "greaterThan", 2, "as >", "2 gt 1", "true"),
        (">=", "greaterThanOrEqual", 2, "order; false where a side is null", "1 >= 1", "true"),
        ("ge", "greaterThanOrEqual", 2, "as >=", "1 ge 1", "true"),
        ("+", "add", 2, "sum of numbers; with a text, both are joined", '"n" + 2', "n2"),
        ("-", "subtract", 2, "difference", "3 - 2", "1"),
        ("*", "multiply", 2, "product", "2 * 3", "6"),
        ("/", "divide", 2, "quotient; whole numbers stay whole", "7 / 2", "3"),
        ("div", "divide", 2, "as /", "6 div 2", "3"),
        ("%", "mod", 2, "remainder", "7 % 2", "1"),
        ("mod", "mod", 2, "as %", "7 mod 2", "1"),
        ("-", "negate", 1, "the number with the other sign", "-(1)", "-1"),
        ("~", "bitwiseComplement", 1, "complement of the bits of a whole number", "~1", "-2"),
        ("!", "not", 1, "negation", "!false", "true"),
        ("not", "not", 1, "as !", "not false", "true"),
    )
)
