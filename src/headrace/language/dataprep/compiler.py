"""From an expression to DuckDB SQL: a walk over the tree, with the table of functions and the operators."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, ParamSpec, TypeVar, assert_never

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType
from headrace.language.dataprep.casts import fresh, unified
from headrace.language.dataprep.catalogue import FUNCTIONS
from headrace.language.dataprep.lists import LAMBDAS, listed
from headrace.language.dataprep.logic import choose, common_type, truth
from headrace.language.dataprep.objects import PATH_FUNCTIONS, made_object
from headrace.language.dataprep.operators import binary, unary
from headrace.language.dataprep.parser import parse
from headrace.language.dataprep.paths import as_list, each, element, element_of
from headrace.language.dataprep.paths import field as field_of
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
    Member,
    Node,
    ObjectLiteral,
    Reference,
    Spread,
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
    quote_identifier,
    quote_text,
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


def compile_expression(text: str, columns: Mapping[str, ColumnType], *, absent_is_null: bool = False) -> Compiled:
    """Return the SQL of an expression over a source that has ``columns``. ``absent_is_null``: others, and fields that objects lack, are null.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``, ``UNKNOWN_COLUMN``, ``UNKNOWN_FUNCTION``, ``EXPRESSION_TYPE``, ``UNSUPPORTED`` (the language
            has it, this version does not), ``LIMIT_EXCEEDED``; the message names the expression and the place in it.
    """
    compiler = _Compiler(text, columns, absent_is_null=absent_is_null)
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


def _look_up(node: Call, text: str) -> Function:
    function = FUNCTIONS.get(node.name)
    if function is None:
        hint = did_you_mean(node.name, FUNCTIONS)
        raise refuse(Code.UNKNOWN_FUNCTION, text, node.at, f"unknown function {node.name!r}{hint}")
    if node.method and not function.is_method:
        how = f"{node.name} is no method; write {function.doc.syntax}"
        raise refuse(Code.UNKNOWN_FUNCTION, text, node.at, how)
    wrong = wrong_count(node.name, len(node.arguments), function.doc)
    if wrong:
        raise refuse(Code.EXPRESSION_TYPE, text, node.at, wrong)
    return function


@dataclass(slots=True)
class _Compiler:
    text: str
    columns: Mapping[str, ColumnType]
    absent_is_null: bool = False
    read: set[str] = field(default_factory=set)
    scope: Mapping[str, Value] = field(default_factory=dict)
    variables: int = 0

    def compile(self, node: Node) -> Value:
        value = self._compile(node)
        if len(value.sql) > MAX_SQL:
            raise refuse(Code.LIMIT_EXCEEDED, self.text, node.at, "too large; split it into several mappings")
        return value

    def _compile(self, node: Node) -> Value:
        match node:
            case Literal():
                return self._literal(node)
            case Reference() | Element() | Member() | Spread():
                return self._path(node)
            case Call():
                return self._call(node)
            case Unary():
                return self._placed(node, unary, node.operator, self.compile(node.operand))
            case Binary():
                return self._placed(node, binary, node.operator, self.compile(node.left), self.compile(node.right))
            case Conditional():
                return self._conditional(node)
            case ListLiteral():
                return self._list(node)
            case ObjectLiteral():
                return self._object(node)
            case Lambda():
                raise refuse(
                    Code.EXPRESSION_TYPE, self.text, node.at, "a lambda stands only as an argument of a function"
                )
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

    def _path(self, node: Reference | Element | Member | Spread) -> Value:
        """Compile what is taken out of a column or of a computed value, step by step from the left."""
        steps: list[Element | Member | Spread] = []
        at: Node = node
        while isinstance(at, Element | Member | Spread):
            steps.append(at)
            at = at.target
        value = self._reference(at) if isinstance(at, Reference) else self.compile(at)
        return self._follow(value, steps[::-1])

    def _follow(self, value: Value, steps: Sequence[Element | Member | Spread]) -> Value:
        for number, step in enumerate(steps):
            match step:
                case Member():
                    value = self._field(step, value, step.name)
                case Element():
                    value = self._placed(step, element, value, self.compile(step.index))
                case Spread():
                    rest = steps[number + 1 :]
                    items = self._placed(step, as_list, value)
                    return self._each(items, partial(self._follow, steps=rest)) if rest else items
                case _:
                    assert_never(step)
        return value

    def _each(self, items: Value, build: Callable[[Value], Value]) -> Value:
        if items.type is None:
            return items
        name = self._variable()
        return each(items, name, build(element_of(items, name)))

    def _variable(self) -> str:
        """Return a name for SQL that no column and no other variable has."""
        while True:
            name = f"_l{self.variables}"
            self.variables += 1
            if name not in (column.lower() for column in self.columns):
                return name

    def _reference(self, node: Reference) -> Value:
        """Resolve a variable, or the longest run of names that is a column; the names behind it are fields."""
        if node.path[0] in self.scope:
            return self._fields(node, self.scope[node.path[0]], node.path[1:])
        found = self._column(node.path)
        if found is not None:
            return self._fields(node, *found)
        if self.absent_is_null:
            return NULL
        name = ".".join(node.path)
        hint = did_you_mean(name, self.columns) or (
            f"; the source has {', '.join(sorted(self.columns)[:8])}" if self.columns else "; the source has no columns"
        )
        raise refuse(Code.UNKNOWN_COLUMN, self.text, node.at, f"unknown column {name!r}{hint}")

    def _column(self, path: tuple[str, ...]) -> tuple[Value, tuple[str, ...]] | None:
        """Return the column that a path begins with, and the names of fields behind it; None: there is none."""
        for length in range(len(path), 0, -1):
            name = ".".join(path[:length])
            if name in self.columns:
                return self._read(name), path[length:]
        first, *rest = path[0].split(".")
        if rest and len(path) == 1 and first in self.columns:
            return self._read(first), tuple(rest)
        return None

    def _read(self, column: str) -> Value:
        self.read.add(column)
        return fresh(quote_identifier(column), self.columns[column])

    def _fields(self, node: Reference, value: Value, path: tuple[str, ...]) -> Value:
        for name in path:
            value = self._field(node, value, name)
        return value

    def _field(self, node: Node, value: Value, name: str) -> Value:
        try:
            return self._placed(node, field_of, value, name)
        except Problem as problem:
            if problem.code is Code.UNKNOWN_COLUMN and self.absent_is_null:
                return NULL
            raise

    def _is_there(self, node: Call) -> Value:
        """Compile ``contains_key``: whether a path, written as a text or as it stands, leads to a value that is not null."""
        _look_up(node, self.text)
        path = node.arguments[0]
        if isinstance(path, Literal) and isinstance(path.value, str):
            try:
                path = parse(path.value).root
            except Problem as problem:
                raise refuse(problem.code, self.text, node.at, problem.message) from problem
        root = path
        while isinstance(root, Element | Member | Spread):
            root = root.target
        if not isinstance(root, Reference):
            raise refuse(
                Code.EXPRESSION_TYPE, self.text, node.at, f'{node.name} takes the path of a field, as in "person.name"'
            )
        try:
            value = self.compile(path)
        except Problem as problem:
            if problem.code is not Code.UNKNOWN_COLUMN:
                raise
            return Value("false", BOOLEAN)
        return Value(f"({value.sql} IS NOT NULL)", BOOLEAN, value.error, sound=value.error is None)

    def _call(self, node: Call) -> Value:
        if node.name in PATH_FUNCTIONS:
            return self._is_there(node)
        function = _look_up(node, self.text)
        takes = LAMBDAS.get(function.doc.name)
        arguments = tuple(
            NULL if isinstance(argument, Lambda) else self.compile(argument) for argument in node.arguments
        )
        lambdas = {}
        for index, argument in enumerate(node.arguments):
            if isinstance(argument, Lambda) != (index == takes):
                what = "must be a lambda, as in x -> x > 0" if index == takes else "cannot be a lambda"
                raise refuse(Code.EXPRESSION_TYPE, self.text, argument.at, f"{node.name}, argument {index + 1}, {what}")
            if isinstance(argument, Lambda):
                lambdas[index] = partial(self._lambda, argument)
        places = tuple(argument.at for argument in node.arguments)
        return function.build(Site(node.name, arguments, self.text, node.at, places, lambdas))

    def _lambda(self, node: Lambda, items: Value) -> tuple[str, Value]:
        """Compile a lambda for the elements of a list: the variable's name in SQL, and the body."""
        if len(node.parameters) != 1:
            raise refuse(Code.EXPRESSION_TYPE, self.text, node.at, "a lambda takes one element, as in x -> x > 0")
        name, parameter = self._variable(), node.parameters[0]
        outer = self.scope
        self.scope = {**outer, parameter: element_of(items, name)}
        try:
            return name, self.compile(node.body)
        finally:
            self.scope = outer

    def _conditional(self, node: Conditional) -> Value:
        condition = self._placed(node.condition, truth, self.compile(node.condition))
        then, otherwise = self.compile(node.then), self.compile(node.otherwise)
        type_ = self._placed(node, common_type, [then.type, otherwise.type])
        if type_ is not None:
            then, otherwise = unified(then, type_), unified(otherwise, type_)
        return choose(condition, then, otherwise, type_)

    def _list(self, node: ListLiteral) -> Value:
        return listed([self.compile(item) for item in node.elements])

    def _object(self, node: ObjectLiteral) -> Value:
        parts = [self.compile(entry) for entry in node.entries]
        return self._placed(node, made_object, parts[::2], parts[1::2])
