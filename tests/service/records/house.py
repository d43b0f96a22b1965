"""A workbook whose sheets' records are written in tests, without doors and without a workspace around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fakes import CountingIds, ManualClock
from headrace.core.blueprint_reading import read_blueprint
from headrace.core.codec import Json
from headrace.core.job import Actor
from headrace.core.job_limits import JobLimits
from headrace.core.record import CommitWish, Record
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind, Sheet
from headrace.service.records.revalidating import revalidate
from headrace.service.records.writing import RecordDesk
from headrace.store import records, resources, sheets
from headrace.store.database import Database
from headrace.store.job_tables import happenings

SCOPE = "jobs/us_acc_1/us_env_1"
ACTOR = Actor("us_key_1", SCOPE)
WISH = CommitWish(actor_id="us_key_1")


@dataclass(frozen=True)
class House:
    """A desk with a clock and ids that tests foresee, and one workbook."""

    desk: RecordDesk
    clock: ManualClock
    workbook_id: str

    @property
    def database(self) -> Database:
        """Return the ledger."""
        return self.desk.database

    def sheet(
        self,
        slug: str,
        *fields: Mapping[str, Json],
        constraints: Sequence[Json] = (),
        more: bool = False,
        first_position: int = 0,
    ) -> Sheet:
        """Make a sheet, as the workspace does."""
        now = self.clock.now()
        raw: dict[str, Json] = {
            "name": slug.title(),
            "slug": slug,
            "fields": fields,
            "constraints": constraints,
            "allowAdditionalFields": more,
        }
        made = Sheet(
            id=short_id("sh", self.desk.ids),
            number=0,
            scope=SCOPE,
            space_id="us_sp_1",
            workbook_id=self.workbook_id,
            name=slug.title(),
            slug=slug,
            blueprint=read_blueprint(raw),
            created_at=now,
            updated_at=now,
            next_position=first_position,
        )
        with self.database.transaction() as tx:
            written = sheets.insert(tx, made)
            revalidate(tx, self.desk, ACTOR, None, written, now)
        return written

    def rebuild(self, sheet: Sheet, *fields: Mapping[str, Json], constraints: Sequence[Json] = ()) -> Sheet:
        """Give a sheet other fields, as the workspace does."""
        with self.database.transaction() as tx:
            before = sheets.hold(tx, SCOPE, sheet.id)
            raw = {**before.blueprint.raw, "fields": fields, "constraints": constraints}
            after = sheets.rewrite(tx, replace(before, blueprint=read_blueprint(raw)))
            revalidate(tx, self.desk, ACTOR, before, after, self.clock.now())
        return after

    def records(self, sheet: Sheet) -> list[Record]:
        """Return all records of a sheet."""
        with self.database.reading() as tx:
            return records.after(tx, sheet, -1, 100_000)

    def said(self, sheet: Sheet) -> list[dict[str, list[str]]]:
        """Return what is said of the cells of each record: the texts by field."""
        return [
            {key: [one.text for one in items] for key, items in record.messages.items()}
            for record in self.records(sheet)
        ]

    def told(self) -> list[tuple[str, Mapping[str, Json]]]:
        """Return topic and payload of everything that was told."""
        with self.database.reading() as tx:
            rows = tx.rows(happenings.select().order_by(happenings.c.written))
        return [(row["topic"], row["body"]["payload"]) for row in rows]

    def topics(self) -> list[str]:
        """Return the topics of everything that was told."""
        return [topic for topic, _ in self.told()]


def make_house(
    database: Database, *, limits: JobLimits | None = None, tracking: bool = False, ids: CountingIds | None = None
) -> House:
    """Return a house on a prepared ledger; ``tracking``: its workbook tracks changes."""
    clock, ids = ManualClock(), ids or CountingIds()
    desk = RecordDesk(database, clock, ids, limits or JobLimits())
    workbook = Resource(
        scope=SCOPE,
        kind=ResourceKind.WORKBOOK,
        id=short_id("wb", ids),
        name="Book",
        body={"settings": {"trackChanges": tracking}},
        created_by="us_key_1",
        created_at=clock.now(),
        updated_at=clock.now(),
        parent_id="us_sp_1",
        space_id="us_sp_1",
    )
    with database.transaction() as tx:
        resources.insert(tx, workbook)
    return House(desk, clock, workbook.id)
