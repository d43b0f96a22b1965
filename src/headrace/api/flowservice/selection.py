"""Filters of lists as the ledger's (2.3): what a collection keeps in its rows is selected by the database, the rest by ``queries.match``.

A compiled filter says exactly what ``queries.match`` says of the item as it is shown: a property test holds both against each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.queries import Filter, ListRequest, fold
from headrace.api.flowservice.wire import MS, flag, integer, number
from headrace.core.errors import Code, Problem
from headrace.core.query import And, Compare, Cursor, In, Not, Op, Or, Page, Value
from headrace.core.query import Filter as LedgerFilter

T = TypeVar("T")

_ORDERING = {Op.LT, Op.LE, Op.GT, Op.GE}
_LAST_MS = 9 * 10**15
"""A time in ms that nothing has."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a collection's fields are kept, by their dotted paths on the wire.

    ``texts``: columns of text. ``times``: columns of instants, which are shown in ms. In both, null means absent. ``within``: the JSON that
    holds the roots ``roots`` as they are shown; a root ``state`` is kept there as ``queries.fold`` leaves it. ``elsewhere``: places in JSON of
    values that are shown under other paths (those with ``[]``: as the only element of a list).
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    within: str = ""
    roots: frozenset[str] = frozenset()
    elsewhere: Mapping[str, str] = field(default_factory=dict)


ORDERS = {"createdAt": "created_at", "updatedAt": "updated_at", "name": "name"}
"""Orders that the ledger keeps for documents and flows, by their fields on the wire."""


def paged(listed: ListRequest, look: Callable[[str | None], Page[T]]) -> Page[T]:
    """Return the page of the ledger that ``listed`` asks for; ``look`` gives the one after a cursor.

    Raises:
        Refusal: 1451-400: the continuation token is of another list.
    """
    if listed.position is None:
        return look(None)
    try:
        return look(Cursor(listed.position).token())
    except Problem as problem:
        if problem.code is not Code.INVALID:
            raise
        raise Refusal(Fault.QUERY_PARAMETER, f"continuationToken belongs to another list: {problem}") from problem


def next_token(listed: ListRequest, page: Page[T]) -> str | None:
    """Return the token of the page after ``page``, or None."""
    return None if page.next is None else listed.next_token(page.next.position)


def compiled(filters: Sequence[Filter], kept: Kept) -> tuple[LedgerFilter | None, tuple[Filter, ...]]:
    """Return what the ledger selects by (None: by nothing), and the filters that it cannot."""
    done: list[LedgerFilter] = []
    left: list[Filter] = []
    for one in filters:
        share = compile_one(one, kept)
        if share is None:
            left.append(one)
        else:
            done.append(share)
    return (And(tuple(done)) if done else None), tuple(left)


def compile_one(one: Filter, kept: Kept) -> LedgerFilter | None:
    """Return ``one`` as the ledger's filter; None: the ledger cannot say it."""
    place = kept.elsewhere.get(_steps(one))
    if place is not None:
        return None if one.null else _of_json(one, place)
    if one.has_arrays:
        is_kept = one.path[0][0] in kept.roots and sum(each for _, each in one.path) == 1 and not one.null
        return _of_json(one, _path(one, kept)) if is_kept else None
    if one.dotted in kept.times:
        return of_time(one, kept.times[one.dotted])
    if one.dotted in kept.texts and one.op in {Op.EQ, Op.NE}:
        equal = _of_text(one, kept.texts[one.dotted])
        return equal if one.op is Op.EQ else Not(equal)
    if one.path[0][0] in kept.roots:
        return _of_json(one, _path(one, kept))
    return None


def of_time(one: Filter, column: str) -> LedgerFilter | None:
    """Return a filter on a time; the dialect's are whole milliseconds of the ledger's microseconds."""
    if one.op is Op.NE:
        equal = of_time(replace(one, op=Op.EQ), column)
        return None if equal is None else Not(equal)
    parts: list[LedgerFilter] = [Compare(column, Op.EQ, None)] if one.null else []
    for value in one.values:
        wanted = number(value)
        if wanted is None or wanted != int(wanted):
            if one.op is not Op.EQ:
                return None
            # No time is a text, or a part of a millisecond.
            continue
        parts.append(_of_moment(column, one.op, int(wanted)))
    return Or(tuple(parts))


def _of_moment(column: str, op: Op, wanted: int) -> LedgerFilter:
    first = Compare(column, Op.GE, min(max(wanted, 0), _LAST_MS) * MS)
    after = Compare(column, Op.GE, min(max(wanted + 1, 0), _LAST_MS) * MS)
    before, until = replace(first, op=Op.LT), replace(after, op=Op.LT)
    if op is Op.EQ:
        return And((first, until))
    return {Op.GE: first, Op.GT: after, Op.LT: before, Op.LE: until}[op]


def _of_text(one: Filter, column: str) -> LedgerFilter:
    chosen = In(column, one.values)
    return Or((chosen, Compare(column, Op.EQ, None))) if one.null else chosen


def _path(one: Filter, kept: Kept) -> str:
    return f"{kept.within}.{_steps(one)}"


def _steps(one: Filter) -> str:
    return ".".join(name + ("[]" if each else "") for name, each in one.path)


def _of_json(one: Filter, path: str) -> LedgerFilter | None:
    if one.is_folded and one.dotted != "state":
        # Only states of the door's own making are kept folded.
        return None
    if one.op in _ORDERING:
        wanted = one.values[0]
        amounts = [Compare(path, one.op, amount) for amount in _amounts(wanted)]
        return Or((Compare(path, one.op, wanted), *amounts))
    chosen = tuple(value for text in one.values for value in _equals(text, folded=one.is_folded))
    equal = In(path, (*chosen, None) if one.null else chosen)
    return equal if one.op is Op.EQ else Not(equal)


def _equals(wanted: str, *, folded: bool) -> tuple[Value, ...]:
    """Return all that the text of a filter is equal to: a text, a number or a boolean, as the field has it."""
    boolean = flag(wanted)
    return (fold(wanted) if folded else wanted, *_amounts(wanted), *(() if boolean is None else (boolean,)))


def _amounts(wanted: str) -> tuple[Value, ...]:
    whole = integer(wanted)
    amount = number(wanted) if whole is None else whole
    return () if amount is None else (amount,)
