"""How far each slice has come: a table in the sink's database, changed in the same transaction as the rows.

    headrace_commits(transfer, slice, owner, rows_done, rows_written, finished, updated_at)

``transfer`` and ``slice`` are digests of the commit key and of the slice's id. ``rows_done`` counts the rows of the stream that are settled,
``rows_written`` those of them that are in the table. Who begins with a slice becomes its owner, and an owner of before cannot go on, nor become it
again. What is done once for all slices (a script, a merge) has a mark, too: it is held by its owner in the transaction that does it.
``finished`` is 2 for slices whose gathered rows have been taken over.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.transfer.databases.links.link import ROW_FAULTS, Fault, Link, LinkError
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem

TABLE = "headrace_commits"
_KEPT_SECONDS = 90 * 86_400
"""Marks of transfers that nobody goes on with are removed after this time."""
_WIDTH = 64
_AT_ONCE = 500
_SQL_SERVER = "SQL Server"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a slice is."""

    rows_done: int = 0
    rows_written: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a slice whose rows are gathered. ``merged``: they were taken over."""

    rows_written: int = 0
    finished: bool = False
    merged: bool = False


class Marks:
    """The marks of one transfer. ``key``: what outlives tries; ``asked``: what is asked for; ``owner``: this try. It keeps no connection."""

    def __init__(self, dialect: Dialect, schema: str, key: str, asked: str, owner: str) -> None:
        self.name = ".".join(dialect.quoted(part) for part in (schema, TABLE) if part)
        self._dialect, self._key, self._asked = dialect, digest(key), asked
        self._me, self._owner = owner[-200:], dialect.literal(owner[-200:])

    @property
    def definition(self) -> str:
        """Return the statement that makes the table where it is not there."""
        make = "CREATE TABLE" if self._dialect.name == _SQL_SERVER else "CREATE TABLE IF NOT EXISTS"
        return (
            f"{make} {self.name} (transfer varchar({_WIDTH}) NOT NULL, slice varchar({_WIDTH}) NOT NULL, owner varchar(200) NOT NULL, "
            "rows_done bigint NOT NULL, rows_written bigint NOT NULL, finished smallint NOT NULL, updated_at bigint NOT NULL, "
            "PRIMARY KEY (transfer, slice))"
        )

    def prepare(self, link: Link) -> None:
        """Make the table where it is missing, and remove what is old.

        Raises:
            TransferProblem: ``DATABASE_DENIED``, with the statement that somebody who may has to execute.
        """
        try:
            link.rows(f"SELECT count(*) FROM {self.name} WHERE transfer = '{self._key}'")
        except LinkError as missing:
            if missing.fault is Fault.AWAY:
                raise
            self._make(link)
        link.run(f"DELETE FROM {self.name} WHERE updated_at < {_now() - _KEPT_SECONDS}")

    def _make(self, link: Link) -> None:
        try:
            link.run(self.definition)
        except LinkError as error:
            try:  # another try may have made it at the same moment
                link.rows(f"SELECT count(*) FROM {self.name}")
            except LinkError:
                message = (
                    f"the table {TABLE}, which keeps track of what is written, cannot be made: {error.message}; "
                    f"have it made by somebody who may: {self.definition}"
                )
                raise TransferProblem(Reason.DATABASE_DENIED, Side.SINK, message, Code.SOURCE_DENIED) from error

    def read(self, link: Link, item: str) -> Mark:
        """Return how far ``item`` is; the beginning where it is not known."""
        found = link.rows(f"SELECT rows_done, rows_written, finished FROM {self.name} WHERE {self._of(item)}")
        return Mark(int(found[0][0]), int(found[0][1]), bool(int(found[0][2]))) if found else Mark()

    def take(self, link: Link, item: str) -> Mark:
        """Become the owner of ``item``, in a transaction of its own; return how far it is.

        Raises:
            Problem: ``FENCED``: a newer try owns it.
        """
        try:
            return self._take(link, item)
        except LinkError as error:
            if error.fault not in ROW_FAULTS:
                raise
            return self._take(link, item)  # another try has begun with it at the same moment

    def _take(self, link: Link, item: str) -> Mark:
        link.begin()
        try:
            if link.changed(f"UPDATE {self.name} SET updated_at = {_now()} WHERE {self._of(item)}"):
                self._check_newest(link, item)
                link.run(f"UPDATE {self.name} SET owner = {self._owner} WHERE {self._of(item)}")
            else:
                self._insert(link, item, Mark())
            mark = self.read(link, item)
            link.commit()
        except BaseException:
            link.rollback()
            raise
        return mark

    def _check_newest(self, link: Link, item: str) -> None:
        """Check that no newer try owns a row that is held, so what is read stays true."""
        (owner,) = link.rows(f"SELECT owner FROM {self.name} WHERE {self._of(item)}")[0]
        if _is_newer(str(owner), self._me):
            raise Problem(Code.FENCED, "a newer try writes these rows by now")

    def hold(self, link: Link, item: str) -> bool:
        """Keep others, within a transaction, from doing what is done once; return False when it is done already.

        Raises:
            Problem: ``FENCED``: another try has taken it over.
        """
        mine = f"{self._of(item)} AND owner = {self._owner} AND finished = 0"
        if link.changed(f"UPDATE {self.name} SET updated_at = {_now()} WHERE {mine}"):
            return True
        if self.read(link, item).finished:
            return False
        raise Problem(Code.FENCED, "another try does this by now")

    def reopen(self, link: Link, item: str) -> None:
        """Say within a transaction that what was done is to be done again.

        Raises:
            Problem: ``FENCED``: another try has taken it over.
        """
        mine = f"{self._of(item)} AND owner = {self._owner} AND finished = 1"
        if not link.changed(f"UPDATE {self.name} SET finished = 0, updated_at = {_now()} WHERE {mine}"):
            raise Problem(Code.FENCED, "another try does this by now")

    def states(self, link: Link, items: Iterable[str]) -> dict[str, State]:
        """Return how far each of ``items`` is."""
        query = f"SELECT slice, rows_written, finished FROM {self.name} WHERE transfer = '{self._key}'"
        known = {str(one): State(int(rows), bool(int(end)), int(end) > 1) for one, rows, end in link.rows(query)}
        return {item: known.get(self._id(item), State()) for item in items}

    def note_merged(self, link: Link, items: Iterable[str]) -> None:
        """Say within a transaction that the gathered rows of ``items`` were taken over."""
        names = [self._id(item) for item in items]
        for at in range(0, len(names), _AT_ONCE):
            listed = ", ".join(f"'{name}'" for name in names[at : at + _AT_ONCE])
            link.run(
                f"UPDATE {self.name} SET finished = 2 WHERE transfer = '{self._key}' AND finished = 1 AND slice IN ({listed})"
            )

    def move(self, link: Link, item: str, before: Mark, after: Mark) -> None:
        """Say within a transaction that ``item`` has come from ``before`` to ``after``.

        Raises:
            Problem: ``FENCED``: another try has taken it over.
        """
        changed = link.changed(
            f"UPDATE {self.name} SET rows_done = {after.rows_done}, rows_written = {after.rows_written}, finished = {int(after.finished)}, "
            f"updated_at = {_now()} WHERE {self._of(item)} AND owner = {self._owner} AND rows_done = {before.rows_done} AND finished = 0"
        )
        if not changed:
            raise Problem(Code.FENCED, "another try writes these rows by now")

    def _insert(self, link: Link, item: str, mark: Mark) -> None:
        link.run(
            f"INSERT INTO {self.name} (transfer, slice, owner, rows_done, rows_written, finished, updated_at) VALUES "
            f"('{self._key}', '{self._id(item)}', {self._owner}, {mark.rows_done}, {mark.rows_written}, {int(mark.finished)}, {_now()})"
        )

    def _of(self, item: str) -> str:
        return f"transfer = '{self._key}' AND slice = '{self._id(item)}'"

    def _id(self, item: str) -> str:
        return digest(f"{self._asked}\n{item}")


def digest(text: str) -> str:
    """Return a name of fixed length for any text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _is_newer(owner: str, mine: str) -> bool:
    """Say whether ``owner`` is a later try than ``mine`` of the same activity in the same run; both end in ``/<attempt>.<epoch>``."""
    (place, _, one), (here, _, other) = owner.rpartition("/"), mine.rpartition("/")
    numbers = [name.split(".") for name in (one, other)]
    if place != here or not all(len(parts) == 2 and all(map(str.isdecimal, parts)) for parts in numbers):
        return False
    theirs, ours = (tuple(map(int, parts)) for parts in numbers)
    return theirs > ours


def _now() -> int:
    return int(time.time())
