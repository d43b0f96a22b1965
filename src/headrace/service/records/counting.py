"""Counts by field, which read every selected record, and are remembered until something changes."""

import threading
from collections import OrderedDict
from typing import TypeAlias

from headrace.core.record import RecordCounts, Selection
from headrace.core.workspace import Sheet
from headrace.store import record_blocks, record_pages
from headrace.store.database import Database, Transaction

_REMEMBERED = 128

_Key: TypeAlias = tuple[str, int, int, int, RecordCounts, Selection]


class FieldCounts:
    """Remembers the counts of the last selections.

    They are good for a commit, a blueprint, and the counts of the sheet: these change when records are judged anew without a commit, as when a value
    that they refer to comes or goes.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, RecordCounts] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, database: Database, tx: Transaction, sheet: Sheet, selection: Selection) -> RecordCounts:
        """Return the counts of a selection with those of each field; ``sheet`` and all else is read in ``tx``."""
        sums = record_blocks.counts(tx, sheet)
        key = (database.url, sheet.number, sheet.revision, sheet.next_commit, sums, selection)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        counts = record_pages.counts(tx, sheet, selection, by_field=True)
        with self._lock:
            self._known[key] = counts
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return counts
