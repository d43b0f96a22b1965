"""Queries to filters: ``and`` binds tighter than ``or``, parentheses tighter than both.

    query      = conjunction { "or" conjunction }
    conjunction = term { "and" term }
    term       = "(" query ")" | [ field ] operator value | [ field ] "is" ( "error" | "valid" | "warning" )

A field is a key or a label of the blueprint; without one, any field may satisfy the comparison.
A value of two quotes with nothing between them is null.
"""

import difflib
from collections.abc import Callable, Sequence

from headrace.core.blueprint import Blueprint, FieldKind, FieldSpec
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.record import And, Compare, Is, Operator, Or, RecordFilter
from headrace.language.ffql.tokens import Kind, Token, refusal, tokens

MAX_LETTERS = 20_000
"""Longest query."""
MAX_TERMS = 200
"""Most comparisons of a query; one without a field counts for as many as there are fields, of which there may be ``MAX_CELLS``."""
MAX_CELLS = 2_000
MAX_DEPTH = 50
"""Deepest parentheses."""
MAX_VALUE = 5_000
"""Letters that a value has at most."""

_OPERATORS = {item.value: item for item in Operator}
_STATES = ("error", "valid", "warning")
_ORDERS = frozenset({Operator.LT, Operator.GT, Operator.LTE, Operator.GTE})


def parse(text: str, blueprint: Blueprint) -> RecordFilter:
    """Return the filter that ``text`` is, for records of ``blueprint``.

    Raises:
        Problem: ``INVALID`` (field ``q``), with what is wrong, where, and what would be right; ``LIMIT_EXCEEDED``: it is too long or too deep.
    """
    if len(text) > MAX_LETTERS:
        raise _too_much(f"the query has {len(text)} characters; at most {MAX_LETTERS} are allowed")
    return _Parser(tokens(text), blueprint).query()


def _too_much(message: str) -> Problem:
    return Problem(Code.LIMIT_EXCEEDED, message, (FieldError("q", message),))


class _Parser:
    def __init__(self, found: Sequence[Token], blueprint: Blueprint) -> None:
        self._tokens = found
        self._place = 0
        self._blueprint = blueprint
        self._depth = 0
        self._terms = 0
        self._cells = 0

    def query(self) -> RecordFilter:
        if self._next().kind is Kind.END:
            raise refusal("the query is empty: expected a comparison such as status eq open", 1)
        found = self._disjunction()
        if self._next().kind is Kind.CLOSE:
            raise refusal("there is no ( for this )", self._next().start)
        if self._next().kind is not Kind.END:
            message = f"expected and, or, or the end, found {self._next().shown}; a text with blanks stands in quotes"
            raise refusal(message, self._next().start)
        return found

    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._tokens[self._place]
        self._place += 1
        return token

    def _disjunction(self) -> RecordFilter:
        return self._chain("or", self._conjunction, Or)

    def _conjunction(self) -> RecordFilter:
        return self._chain("and", self._term, And)

    def _chain(
        self, word: str, part: Callable[[], RecordFilter], whole: Callable[[tuple[RecordFilter, ...]], RecordFilter]
    ) -> RecordFilter:
        parts = [part()]
        while self._next().is_word(word):
            self._take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else whole(tuple(parts))

    def _term(self) -> RecordFilter:
        if self._next().kind is not Kind.OPEN:
            return self._comparison()
        opened = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_much(f"the query has more than {MAX_DEPTH} parentheses in one another")
        found = self._disjunction()
        if self._next().kind is not Kind.CLOSE:
            message = f"expected and, or, or ) for the ( at character {opened.start}, found {self._next().shown}"
            raise refusal(message, self._next().start)
        self._take()
        self._depth -= 1
        return found

    def _comparison(self) -> RecordFilter:
        first = self._next()
        if first.kind in {Kind.END, Kind.CLOSE} or first.is_word("and", "or"):
            raise refusal(f"expected a comparison such as status eq open, found {first.shown}", first.start)
        field = None
        if not first.is_word("is", *_OPERATORS):
            field = self._field(self._take())
        self._count(field)
        chosen = self._take()
        if chosen.is_word("is"):
            return self._state(field)
        if not chosen.is_word(*_OPERATORS):
            words = ", ".join([*_OPERATORS, "is"])
            raise refusal(f"expected one of {words}, found {chosen.shown}", chosen.start)
        return self._compared(field, _OPERATORS[chosen.text.lower()])

    def _state(self, field: FieldSpec | None) -> RecordFilter:
        state = self._take()
        if state.kind is Kind.END or state.text.lower() not in _STATES:
            raise refusal(f"expected error, valid or warning, found {state.shown}", state.start)
        return Is(None if field is None else field.key, state.text.lower())

    def _compared(self, field: FieldSpec | None, chosen: Operator) -> RecordFilter:
        token = self._next()
        if token.kind not in {Kind.WORD, Kind.QUOTED} or token.is_word("and", "or"):
            hint = "; as a value it stands in quotes" if token.is_word("and", "or") else ""
            raise refusal(f"expected a value behind {chosen.value}, found {token.shown}{hint}", token.start)
        self._take()
        if len(token.text) > MAX_VALUE:
            raise _too_much(f"a value has {len(token.text)} characters; at most {MAX_VALUE} are allowed")
        if "\0" in token.text or any("\ud800" <= letter <= "\udfff" for letter in token.text):
            raise refusal("a value has characters that no record can have", token.start)
        if field is not None:
            _check_kind(field, chosen, token)
        return Compare(None if field is None else field.key, chosen, token.text or None)

    def _field(self, token: Token) -> FieldSpec:
        fields = self._blueprint.fields
        for name_of in (_key, _label):
            for field in fields:
                if name_of(field) == token.text:
                    return field
        folded = [item for item in fields if token.text.lower() in {item.key.lower(), item.label.lower()}]
        if len(folded) == 1:
            return folded[0]
        names = [name for item in fields for name in (item.key, item.label)]
        near = difflib.get_close_matches(token.text, names, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise refusal(f"there is no field {token.shown}{hint}", token.start)

    def _count(self, field: FieldSpec | None) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise _too_much(f"the query has more than {MAX_TERMS} comparisons")
        if field is None:
            self._cells += len(self._blueprint.fields)
            if self._cells > MAX_CELLS:
                raise _too_much("the query has too many comparisons without a field for a sheet with so many fields")


def _key(field: FieldSpec) -> str:
    return field.key


def _label(field: FieldSpec) -> str:
    return field.label


def _check_kind(field: FieldSpec, chosen: Operator, token: Token) -> None:
    if chosen is Operator.CONTAINS and not field.kind.is_list:
        message = f'contains is for lists, and field "{field.key}" is a {field.kind.value}; use like or ilike'
        raise refusal(message, token.start)
    if chosen in _ORDERS and field.kind is FieldKind.NUMBER and token.text and not _is_number(token.text):
        raise refusal(f'field "{field.key}" is a number: {chosen.value} needs one, not {token.shown}', token.start)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
