"""What an expression may refer to, looked up in the ledger when it is asked for: one small query each, in the activity's thread."""

from collections.abc import Iterator

from headrace.core.codec import Json
from headrace.core.flow import Activity, Plan
from headrace.core.run import ActivityRun, Run
from headrace.engine.records import Level, has_activity, newest_rows, standing_of
from headrace.store import activity_runs, variables
from headrace.store.database import Database, Transaction


class LedgerSurroundings:
    """The surroundings of the activity at ``path`` in ``level`` (``core.dialect.Surroundings``). ``item``: one that stands for the loop's."""

    def __init__(self, database: Database, level: Level, path: str, item: tuple[Json, ...] = ()) -> None:
        self._database = database
        self._level = level
        self._path = path
        self._item = item

    @property
    def run(self) -> Run:
        """Return the run."""
        return self._level.run

    @property
    def path(self) -> str:
        """Return the path of the activity whose settings are evaluated."""
        return self._path

    def item(self) -> Json:
        """Return the item of the innermost loop.

        Raises:
            LookupError: there is no loop around.
        """
        if self._item:
            return self._item[0]
        for level in _outwards(self._level):
            if level.item:
                return level.item[0]
        message = "there is no loop around it, so there is no item"
        raise LookupError(message)

    def variable(self, name: str) -> Json:
        """Return the present value of a variable that the run has set.

        Raises:
            LookupError: no activity has set it.
        """
        with self._database.reading() as tx:
            return variables.value(tx, self.run.id, name)

    def ended(self, name: str) -> ActivityRun:
        """Return the newest attempt at the activity of that name: in this level, in those around it, or in bodies beside these that ran once.

        Raises:
            LookupError: there is none there that has ended.
        """
        with self._database.reading() as tx:
            for level in _outwards(self._level):
                own = _named(level.plan, name)
                row = None if own is None else self._newest(tx, level.path_of(own.name))
                if row is not None and row.status.is_final:
                    return row
            for level in _outwards(self._level):
                for path in self._beside(tx, level.plan, level.path, name.casefold()):
                    row = self._newest(tx, path)
                    if row is not None and row.status.is_final:
                        return row
        raise LookupError(name)

    def _beside(self, tx: Transaction, plan: Plan, path: str, name: str) -> Iterator[str]:
        """Yield the paths of activities called ``name`` in bodies that ran once, of containers in ``plan``, at any depth."""
        for activity in plan.activities:
            if not any(has_activity(body, name) for body in activity.bodies.values()):
                continue
            container = f"{path}/{activity.name}" if path else activity.name
            row = self._newest(tx, container)
            expansion = None if row is None else standing_of(row).expansion
            if expansion is None or expansion.items is not None:
                continue
            body = activity.bodies.get(expansion.body)
            if body is None:
                continue
            inside = f"{container}/{expansion.body if expansion.number is None else expansion.number}"
            own = _named(body, name)
            if own is not None:
                yield f"{inside}/{own.name}"
            yield from self._beside(tx, body, inside, name)

    def _newest(self, tx: Transaction, path: str) -> ActivityRun | None:
        return newest_rows(activity_runs.at_path(tx, self.run.id, path)).get(path)


def _outwards(level: Level) -> Iterator[Level]:
    at: Level | None = level
    while at is not None:
        yield at
        at = at.around


def _named(plan: Plan, name: str) -> Activity | None:
    wanted = name.casefold()
    return next((one for one in plan.activities if one.name.casefold() == wanted), None)
