"""What telling, looking up and listening need."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from headrace.core.clock import Clock
from headrace.core.happening import Happening
from headrace.core.ids import Ids
from headrace.core.job_limits import JobLimits
from headrace.service.happenings.dispatch import Dispatcher
from headrace.service.happenings.open_requests import OpenRequests
from headrace.service.sealing import Sealer
from headrace.store.database import Database

_REMEMBERED = 10_000


class Delivered:
    """The newest words of ready attempts that this process has delivered: pollers see each of them many times, and the ledger counts the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def unseen(self, happenings: Iterable[Happening]) -> list[Happening]:
        """Return those that tell of a ready attempt and were not ``saw`` before."""
        with self._lock:
            return [item for item in happenings if item.run_id and item.job_id and item.id not in self._seen]

    def saw(self, happenings: Iterable[Happening]) -> None:
        """Note that the ledger knows of them."""
        with self._lock:
            for item in happenings:
                self._seen[item.id] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)


@dataclass(frozen=True, slots=True)
class HappeningDesk:
    """See the module. Of the process that answers over HTTP: its dispatcher and its requests are here."""

    database: Database
    clock: Clock
    ids: Ids
    limits: JobLimits
    sealer: Sealer
    open_requests: OpenRequests
    dispatcher: Dispatcher
    delivered: Delivered = field(default_factory=Delivered)


def make_desk(
    database: Database, clock: Clock, ids: Ids, limits: JobLimits, sealer: Sealer, open_requests: OpenRequests
) -> HappeningDesk:
    """Return a desk whose dispatcher is not started."""
    dispatcher = Dispatcher(database, clock, limits, open_requests)
    return HappeningDesk(database, clock, ids, limits, sealer, open_requests, dispatcher)
