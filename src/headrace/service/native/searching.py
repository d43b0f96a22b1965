"""Free search in runs: ids, flows' names, parameters' values, reasons."""

from collections.abc import Iterator, Mapping, Sequence

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.query import Cursor
from headrace.core.run import Run
from headrace.service.native.masking import shown
from headrace.store import run_search
from headrace.store.database import Transaction
from headrace.store.run_pages import RunQuery

LONGEST = 200
"""Characters that may be searched for."""


def search(
    tx: Transaction, query: RunQuery, text: str, limit: int, cursor: Cursor | None
) -> tuple[tuple[Run, ...], Cursor | None, Instant | None]:
    """Return runs that ``text`` is found in, where the next page begins (None: nothing is left), and how far back was looked (None: all the way).

    Those whose ids begin with it come first, however old they are. A page may be short, or empty, and still have a next one: each looks at so many
    runs and no more.

    Raises:
        Problem: ``INVALID``: the text is too long; the limit or the cursor.
    """
    if len(text) > LONGEST:
        error = FieldError("text", f"has {len(text)} characters", f"{LONGEST} at most")
        raise Problem(Code.INVALID, str(error), (error,))
    named = run_search.beginning_with(tx, query, text)[: max(limit - 1, 0)]
    first = named if cursor is None else []
    found, behind = run_search.page(tx, query, text, limit - len(first), cursor, has=lambda run: has(run, text))
    ids = {run.id for run in named}
    others = [run for run in found if run.id not in ids]
    until = None if behind is None else behind.position[0]
    return (*first, *others), behind, Instant(until) if isinstance(until, int) else None


def has(run: Run, text: str) -> bool:
    """Say whether ``text`` is in what is shown of the run, whatever its case: the names of parameters do not count, nor does what is secret."""
    wanted = text.lower()
    reason = () if run.reason is None else (run.reason.message, run.reason.label, run.reason.code.value)
    texts = (run.flow_name, *reason, *_texts(shown(run.parameters)))
    return run.id.lower().startswith(wanted) or any(wanted in one.lower() for one in texts)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif value is not None:
        yield str(value)
