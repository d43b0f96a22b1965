"""From an expression to DuckDB SQL: a walk over the tree, with the table of functions and the operators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, ParamSpec, TypeVar, assert_never

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType, Kind
from headrace.language.dataprep.casts import converted, sql_type
from headrace.language.dataprep.catalogue import FUNCTIONS, PLANNED
from headrace.language.dataprep.logic import choose, common_type, truth
from headrace.language.dataprep.operators import binary, unary
from headrace.language.dataprep.parser import parse
from headrace.language.dataprep.refusal import did_you_mean, refuse
from headrace.language.dataprep.syntax import (
    Binary,
    Call,
    Conditional,
    Element,
    Expression,
    Lambda,
    ListLiteral,
    Literal,
    Node,
    ObjectLiteral,
    Reference,
    Unary,
    walk,
)
from headrace.language.dataprep.table import Function, Site, wrong_count
from headrace.language.dataprep.values import (
    BOOLEAN,
    DOUBLE,
    LONG,
    NULL,
    STRING,
    Value,
    let,
    quote_identifier,
    quote_text,
    strict,
)

_P = ParamSpec("_P")
_R = TypeVar("_R")

MAX_SQL: Final = 400_000
"""Characters of SQL that one expression may become."""
_LONG_LIMIT: Final = 2**63


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression as SQL over the source's columns.

    ``sql`` never raises at run time and is NULL on a transform error. ``error`` is a boolean that is never NULL: true where the
    value is NULL because of a transform error; None when that cannot happen. ``type`` None means that only NULL comes out.
    The SQL expects a connection whose TimeZone is UTC and on which ICU is loaded.
    """

    sql: str
    error: str | None
    type: ColumnType | None
    columns: frozenset[str]


def compile_expression(text: str, columns: Mapping[str, ColumnType]) -> Compiled:
    """Return the SQL of an expression over a source that has ``columns``.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``, ``UNKNOWN_COLUMN``, ``UNKNOWN_FUNCTION``, ``EXPRESSION_TYPE``, ``UNSUPPORTED`` (the language
            has it, this version does not), ``LIMIT_EXCEEDED``; the message names the expression and the place in it.
    """
    compiler = _Compiler(text, columns)
    value = compiler.compile(parse(text).root)
    sql = value.sql if value.error is None or value.sound else f"CASE WHEN NOT {value.error} THEN {value.sql} END"
    if len(sql) + len(value.error or "") > MAX_SQL:
        raise refuse(Code.LIMIT_EXCEEDED, text, 0, "too large; split it into several mappings")
    return Compiled(sql, value.error, value.type, frozenset(compiler.read))


def check_calls(expression: Expression) -> None:
    """Refuse what can be refused without the source's columns: unknown functions, wrong counts of arguments, what is not supported.

    Raises:
        Problem: ``UNKNOWN_FUNCTION``, ``EXPRESSION_TYPE`` (the count), ``UNSUPPORTED``; the leftmost of the expression.
    """
    for node in sorted(walk(expression.root), key=lambda node: node.at):
        if isinstance(node, Call):
            _look_up(node, expression.text)
        elif isinstance(node, ObjectLiteral | Lambda):
            raise _later(node, expression.text)


def _look_up(node: Call, text: str) -> Function:
    function = FUNCTIONS.get(node.name)
    if function is None:
        if node.name in PLANNED:
            raise refuse(Code.UNSUPPORTED, text, node.at, f"{node.name} {PLANNED[node.name]}")
        hint = did_you_mean(node.name, [*FUNCTIONS, *PLANNED])
        raise refuse(Code.UNKNOWN_FUNCTION, text, node.at, f"unknown function {node.name!r}{hint}")
    if node.method and not function.is_method:
        how = f"{node.name} is no method; write {function.doc.syntax}"
        raise refuse(Code.UNKNOWN_FUNCTION, text, node.at, how)
    wrong = wrong_count(node.name, len(node.arguments), function.doc)
    if wrong:
        raise refuse(Code.EXPRESSION_TYPE, text, node.at, wrong)
    return function


def _later(node: ObjectLiteral | Lambda, text: str) -> Problem:
    what = "object literals" if isinstance(node, ObjectLiteral) else "lambdas"
    return refuse(Code.UNSUPPORTED, text, node.at, f"{what} are not supported yet")


@dataclass(slots=True)
class _Compiler:
    text: str
    columns: Mapping[str, ColumnType]
    read: set[str] = field(default_factory=set)

    def compile(self, node: Node) -> Value:
        value = self._compile(node)
        if len(value.sql) > MAX_SQL:
            raise refuse(Code.LIMIT_EXCEEDED, self.text, node.at, "too large; split it into several mappings")
        return value

    def _compile(self, node: Node) -> Value:
        match node:
            case Literal():
                return self._literal(node)
            case Reference():
                return self._reference(node)
            case Call():
                return self._call(node)
            case Unary():
                return self._placed(node, unary, node.operator, self.compile(node.operand))
            case Binary():
                return self._placed(node, binary, node.operator, self.compile(node.left), self.compile(node.right))
            case Conditional():
                return self._conditional(node)
            case Element():
                return self._element(node)
            case ListLiteral():
                return self._list(node)
            case ObjectLiteral() | Lambda():
                raise _later(node, self.text)
            case _:
                assert_never(node)

    def _placed(self, node: Node, build: Callable[_P, _R], /, *arguments: _P.args, **named: _P.kwargs) -> _R:
        try:
            return build(*arguments, **named)
        except Problem as problem:
            raise refuse(problem.code, self.text, node.at, problem.message) from problem

    def _literal(self, node: Literal) -> Value:
        value = node.value
        if value is None:
            return NULL
        if isinstance(value, bool):
            return Value("true" if value else "false", BOOLEAN, is_constant=True, constant=value)
        if isinstance(value, str):
            return Value(quote_text(value), STRING, is_constant=True, constant=value)
        if isinstance(value, int):
            if value >= _LONG_LIMIT:
                raise refuse(
                    Code.EXPRESSION_TYPE, self.text, node.at, "a whole number of more than 64 bits; put it in quotes"
                )
            return Value(str(value), LONG, is_constant=True, constant=value)
        number = float(value)
        if number in {float("inf"), float("-inf")}:
            raise refuse(Code.EXPRESSION_TYPE, self.text, node.at, "a number outside of the range of double")
        return Value(
            f"{number!r}e0" if "e" not in repr(number) else repr(number), DOUBLE, is_constant=True, constant=number
        )

    def _reference(self, node: Reference) -> Value:
        """Resolve the longest run of names that is a column; the names behind it are fields."""
        for length in range(len(node.path), 0, -1):
            name = ".".join(node.path[:length])
            if name in self.columns:
                return self._fields(node, name, node.path[length:])
        first, *rest = node.path[0].split(".")
        if rest and len(node.path) == 1 and first in self.columns:
            return self._fields(node, first, tuple(rest))
        name = ".".join(node.path)
        hint = did_you_mean(name, self.columns) or (
            f"; the source has {', '.join(sorted(self.columns)[:8])}" if self.columns else "; the source has no columns"
        )
        raise refuse(Code.UNKNOWN_COLUMN, self.text, node.at, f"unknown column {name!r}{hint}")

    def _fields(self, node: Reference, column: str, path: tuple[str, ...]) -> Value:
        self.read.add(column)
        value = Value(quote_identifier(column), self.columns[column])
        for name in path:
            fields = (
                {f.name: f.type for f in value.type.fields} if value.type and value.type.kind is Kind.STRUCT else {}
            )
            if name not in fields:
                what = f"{column!r} has no field {name!r}{did_you_mean(name, fields)}"
                raise refuse(Code.UNKNOWN_COLUMN, self.text, node.at, what)
            value = Value(f"struct_extract({value.sql}, {quote_text(name)})", fields[name])
        return value

    def _call(self, node: Call) -> Value:
        function = _look_up(node, self.text)
        arguments = tuple(self.compile(argument) for argument in node.arguments)
        site = Site(node.name, arguments, self.text, node.at, tuple(argument.at for argument in node.arguments))
        return function.build(site)

    def _conditional(self, node: Conditional) -> Value:
        condition = self._placed(node.condition, truth, self.compile(node.condition))
        then, otherwise = self.compile(node.then), self.compile(node.otherwise)
        type_ = self._placed(node, common_type, [then.type, otherwise.type])
        if type_ is not None:
            then, otherwise = converted(then, type_), converted(otherwise, type_)
        return choose(condition, then, otherwise, type_)

    def _element(self, node: Element) -> Value:
        target, index = self.compile(node.target), self.compile(node.index)
        if target.type is None or target.type.kind is not Kind.LIST or target.type.element is None:
            what = "null" if target.type is None else f"a {target.type}"
            raise refuse(Code.EXPRESSION_TYPE, self.text, node.at, f"[n] takes an element of a list, not of {what}")
        number = self._placed(node.index, converted, index, LONG)

        def body(items: str, n: str) -> str:
            return f"CASE WHEN {n} >= 0 AND {n} < len({items}) THEN {items}[{n} + 1] END"

        return strict(let([target.sql, number.sql], body), target.type.element, [target, number])

    def _list(self, node: ListLiteral) -> Value:
        elements = [self.compile(element) for element in node.elements]
        type_ = self._placed(node, common_type, [element.type for element in elements]) or STRING
        values = [converted(element, type_) for element in elements]
        sql = f"CAST([{', '.join(value.sql for value in values)}] AS {sql_type(type_)}[])"
        return Value(sql, ColumnType(Kind.LIST, element=type_)).with_errors_of(*values)
