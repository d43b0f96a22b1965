"""Text to tree, by precedence climbing.

From loose to tight: ``?:`` and ``? :``, ``??``, ``||``, ``&&``, ``|``, ``^``, ``&``, equality, order, ``+ -``, ``* / %``, the
unary operators, then ``.name``, ``[n]`` and calls. Binary operators group from the left, conditionals from the right.
"""

from typing import Final

from headrace.core.errors import Code, Problem
from headrace.language.dataprep.refusal import refuse
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
    depth,
    walk,
)
from headrace.language.dataprep.tokens import Sort, Token, tokens

MAX_LENGTH: Final = 4096
"""Characters of one expression."""
MAX_DEPTH: Final = 100
"""Levels of nesting of one expression."""
MAX_NODES: Final = 1000
"""Nodes of one expression's tree."""

_BINARY: Final = {
    "||": 2,
    "&&": 3,
    "|": 4,
    "^": 5,
    "&": 6,
    "==": 7,
    "!=": 7,
    "<": 8,
    "<=": 8,
    ">": 8,
    ">=": 8,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "%": 10,
}
_COALESCING: Final = 1
_LITERAL_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}


def parse(text: str) -> Expression:
    """Return the tree of an expression.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``: the text is no expression; the message has the expression, the place, and what was
            expected there. ``LIMIT_EXCEEDED``: too long, too deep, or too many nodes.
    """
    if len(text) > MAX_LENGTH:
        raise Problem(Code.LIMIT_EXCEEDED, f"an expression has at most {MAX_LENGTH} characters; this has {len(text)}")
    parser = _Parser(text)
    root = parser.whole()
    if depth(root) > MAX_DEPTH:
        raise refuse(Code.LIMIT_EXCEEDED, text, 0, f"nested more than {MAX_DEPTH} levels deep")
    if sum(1 for _ in walk(root)) > MAX_NODES:
        raise refuse(Code.LIMIT_EXCEEDED, text, 0, f"more than {MAX_NODES} parts")
    return Expression(root, text)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = 0
        self._level = 0

    def whole(self) -> Node:
        if self._peek().sort is Sort.END:
            raise self._expected("an expression, for example a column's name")
        root = self._expression()
        if self._peek().sort is not Sort.END:
            raise self._expected("an operator or the end")
        return root

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._next + ahead, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._peek()
        self._next += 1
        return token

    def _at_symbol(self, *symbols: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token.sort is Sort.SYMBOL and token.value in symbols

    def _accept(self, symbol: str) -> bool:
        if self._at_symbol(symbol):
            self._next += 1
            return True
        return False

    def _require(self, symbol: str, instead: str = "") -> None:
        if not self._accept(symbol):
            raise self._expected(instead or repr(symbol))

    def _expected(self, what: str) -> Problem:
        token = self._peek()
        return refuse(Code.EXPRESSION_SYNTAX, self._text, token.at, f"expected {what}, found {token}")

    def _expression(self) -> Node:
        self._level += 1
        if self._level > MAX_DEPTH:
            raise refuse(
                Code.LIMIT_EXCEEDED,
                self._text,
                self._peek().at,
                f"nested more than {MAX_DEPTH} levels deep",
            )
        start = self._peek().at
        condition = self._binary(_COALESCING)
        node: Node = condition
        if self._accept("?:"):
            node = Binary("?:", condition, self._expression(), start)
        elif self._accept("?"):
            then = self._expression()
            self._require(":", "':' and the value for a false condition")
            node = Conditional(condition, then, self._expression(), start)
        self._level -= 1
        return node

    def _binary(self, floor: int) -> Node:
        start = self._peek().at
        left = self._unary()
        while True:
            token = self._peek()
            power = _COALESCING if self._at_symbol("??") else _BINARY.get(token.value, 0)
            if token.sort is not Sort.SYMBOL or power < floor:
                return left
            self._next += 1
            left = Binary(token.value, left, self._binary(power + 1), start)

    def _unary(self) -> Node:
        if self._at_symbol("-", "~", "!"):
            self._level += 1
            if self._level > MAX_DEPTH:
                raise refuse(
                    Code.LIMIT_EXCEEDED,
                    self._text,
                    self._peek().at,
                    f"nested more than {MAX_DEPTH} levels deep",
                )
            token = self._take()
            operand = self._unary()
            self._level -= 1
            return Unary(token.value, operand, token.at)
        return self._postfix(self._primary())

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._at_symbol("[") and self._at_symbol("*", ahead=1) and self._at_symbol("]", ahead=2):
                self._next += 3
                node = Spread(node, node.at)
            elif self._accept("["):
                index = self._expression()
                self._require("]")
                node = Element(node, index, node.at)
            elif self._at_symbol("."):
                node = self._member(node)
            else:
                return node

    def _member(self, target: Node) -> Node:
        """Parse ``.name`` or ``.method(…)`` behind ``target``."""
        self._take()
        token = self._peek()
        if token.sort not in {Sort.NAME, Sort.QUOTED_NAME}:
            raise self._expected("a name after '.'")
        self._take()
        if token.sort is Sort.NAME and self._at_symbol("("):
            return Call(token.value, (target, *self._arguments()), token.at, method=True)
        if isinstance(target, Reference):
            return Reference((*target.path, token.value), target.at)
        return Member(target, token.value, token.at)

    def _primary(self) -> Node:
        token = self._peek()
        if token.sort is Sort.NUMBER:
            self._take()
            return Literal(token.number, token.at)
        if token.sort is Sort.TEXT:
            self._take()
            return Literal(token.value, token.at)
        if token.sort is Sort.WORD and token.value in _LITERAL_WORDS:
            self._take()
            return Literal(_LITERAL_WORDS[token.value], token.at)
        if token.sort is Sort.WORD:
            raise self._expected("a value (a reserved word is a column's name only as ${" + token.value + "})")
        if token.sort is Sort.QUOTED_NAME:
            self._take()
            return Reference((token.value,), token.at)
        if token.sort is Sort.NAME:
            self._take()
            if self._at_symbol("("):
                return Call(token.value, self._arguments(), token.at)
            return Reference((token.value,), token.at)
        return self._bracketed()

    def _bracketed(self) -> Node:
        at = self._peek().at
        if self._accept("("):
            inner = self._expression()
            self._require(")")
            return inner
        if self._accept("["):
            return ListLiteral(self._series("]"), at)
        if self._accept("{"):
            return ObjectLiteral(self._entries(), at)
        raise self._expected("a value: a column, a number, a text in quotes or a function")

    def _arguments(self) -> tuple[Node, ...]:
        self._require("(")
        return self._series(")")

    def _series(self, closing: str) -> tuple[Node, ...]:
        """Parse what is separated by commas up to ``closing``, and ``closing`` itself."""
        found: list[Node] = []
        if self._accept(closing):
            return ()
        while True:
            found.append(self._lambda() or self._expression())
            if self._accept(closing):
                return tuple(found)
            self._require(",", f"',' or {closing!r}")

    def _entries(self) -> tuple[Node, ...]:
        found: list[Node] = []
        if self._accept("}"):
            return ()
        while True:
            found.append(self._binary(_COALESCING))
            self._require(":", "':' and the key's value")
            found.append(self._expression())
            if self._accept("}"):
                return tuple(found)
            self._require(",", "',' or '}'")

    def _lambda(self) -> Lambda | None:
        """Parse ``x -> …`` or ``(x, y) -> …``, or return nothing and leave the place as it is."""
        start, at = self._next, self._peek().at
        names: list[str] = []
        bracketed = self._accept("(")
        while self._peek().sort is Sort.NAME:
            names.append(self._take().value)
            if not (bracketed and self._accept(",")):
                break
        if names and (not bracketed or self._accept(")")) and self._accept("->"):
            return Lambda(tuple(names), self._expression(), at)
        self._next = start
        return None
