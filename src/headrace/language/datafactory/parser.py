"""Text to tree, by recursive descent with one token of foresight."""

from typing import Final

from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import MAX_DEPTH, MAX_LENGTH
from headrace.language.datafactory.syntax import Access, Invocation, Literal, Node, Step
from headrace.language.datafactory.tokens import Token, TokenKind, Tokens

_WORDS: Final = {"true": True, "false": False, "null": None}


def parse_expression(expression: str) -> Node:
    """Return the tree of an expression, which is written without its ``@``.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``: it cannot be read, is too long or nests too deeply.
    """
    if len(expression) > MAX_LENGTH:
        message = f"The expression '{expression[:60]}…' is not valid: it has {len(expression)} characters, and {MAX_LENGTH} are the limit."
        raise Problem(Code.EXPRESSION_SYNTAX, message)
    return _Parser(expression).whole()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._tokens = Tokens(expression)
        self._token: Token = self._tokens.next()
        self._depth = 0

    def whole(self) -> Node:
        node = self._node()
        self._take(TokenKind.END)
        return node

    def _node(self) -> Node:
        token = self._token
        if token.kind in {TokenKind.LITERAL, TokenKind.INTEGER, TokenKind.FLOAT}:
            self._advance()
            return Literal(token.value)
        name = str(self._take(TokenKind.IDENTIFIER).value)
        if name.lower() in _WORDS:
            return Literal(_WORDS[name.lower()])
        self._depth += 1
        if self._depth > MAX_DEPTH:
            message = (
                f"The expression '{self._tokens.expression}' is not valid: it nests deeper than {MAX_DEPTH} levels."
            )
            raise Problem(Code.EXPRESSION_SYNTAX, message)
        self._take(TokenKind.LEFT_PARENTHESIS)
        arguments: list[Node] = []
        while self._token.kind is not TokenKind.RIGHT_PARENTHESIS or arguments:
            arguments.append(self._node())
            if self._token.kind is not TokenKind.COMMA:
                break
            self._advance()
        self._take(TokenKind.RIGHT_PARENTHESIS)
        root = Invocation(name, tuple(arguments), token.at)
        steps = self._steps()
        self._depth -= 1
        return Access(root, steps) if steps else root

    def _steps(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        while True:
            null_safe = self._token.kind is TokenKind.QUESTION_MARK
            if null_safe:
                self._advance()
            match self._token.kind:
                case TokenKind.DOT:
                    self._advance()
                    steps.append(Step(Literal(self._take(TokenKind.IDENTIFIER).value), null_safe))
                case TokenKind.LEFT_BRACKET:
                    self._advance()
                    steps.append(Step(self._node(), null_safe))
                    self._take(TokenKind.RIGHT_BRACKET)
                case kind if null_safe:
                    raise self._refusal(
                        f"encountered unexpected token '{kind}' after null-safe property dereference operator '?'."
                    )
                case _:
                    return tuple(steps)

    def _take(self, kind: TokenKind) -> Token:
        token = self._token
        if token.kind is not kind:
            raise self._refusal(f"expected token '{kind}' and actual '{token.kind}'.")
        if kind is not TokenKind.END:
            self._advance()
        return token

    def _advance(self) -> None:
        self._token = self._tokens.next()

    def _refusal(self, what: str) -> Problem:
        return Problem(Code.EXPRESSION_SYNTAX, f"Unable to parse expression '{self._tokens.expression}': {what}")
