"""Lists: one page, or one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.cli.desk import asking
from headrace.cli.options import At
from headrace.cli.output import Column, Output, Row
from headrace.core.native.operation import Operation
from headrace.core.native.wire import to_wire


@dataclass(frozen=True, slots=True)
class Listing:
    """How a list is shown: its columns, an item's row, and what is said of an empty one."""

    columns: Sequence[Column | str]
    row: Callable[[Any], Row]
    empty: str


def show(
    at: At, output: Output, wanted: tuple[Operation[Any, Any], Any], listing: Listing, *, every_page: bool = False
) -> int:
    """Ask for a list (an operation and what it is asked with) and print it; 0."""
    operation, asked = wanted
    with asking(at) as desk:
        told = desk.ask(operation, asked)
        while every_page and told.next is not None:
            page = desk.ask(operation, replace(asked, cursor=told.next))
            told = replace(page, items=(*told.items, *page.items))
    if output.is_json:
        output.document(to_wire(told))
        return 0
    following = getattr(told, "next", None)
    if told.items:
        output.table(listing.columns, [listing.row(item) for item in told.items])
    elif following is None:
        output.note(listing.empty)
    if following is not None:
        output.note(f"more: --cursor {following}")
    return 0
