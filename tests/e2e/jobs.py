"""A shop's customers come as a file: what the jobs of the engine make of it, and the oracle that says whether a record was lost or is there twice."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from e2e.house import House
from headrace.bootstrap.jobs import job_desk, workspace_desk
from headrace.core.codec import Json
from headrace.core.job import Actor, Job, JobTrigger
from headrace.core.record import Selection
from headrace.core.workspace import Resource, ResourceKind, Sheet
from headrace.dataplane.space_files import Incoming
from headrace.service.jobs import making, verbs
from headrace.service.jobs.making import JobRequest
from headrace.service.workspace import accounts, files, spaces, workbooks
from headrace.service.workspace.files import NewFile
from headrace.store import jobs, record_pages, resources, sheets
from headrace.store.resources import ResourceQuery

CUSTOMERS = 2_500
"""Three chunks of a script."""
FIELDS: list[Json] = [
    {"key": "name", "type": "string", "label": "Name"},
    {"key": "email", "type": "string", "label": "E-mail", "constraints": [{"type": "required"}]},
    {"key": "amount", "type": "number", "label": "Amount"},
]
SCRIPT = "(record) => { record.set('name', record.get('name') + '!'); }"


def rows() -> list[tuple[str, str, str]]:
    """Return what the file has: every hundredth customer has no address, every thousandth an amount that is none."""
    return [
        (
            f"Customer {number}",
            "" if number % 100 == 0 else f"c{number}@example.com",
            "many" if number % 1000 == 1 else str(number),
        )
        for number in range(CUSTOMERS)
    ]


class Shop:
    """The space, in the house's ledger."""

    def __init__(self, house: House) -> None:
        app = house.application
        self._house = house
        self.desk = workspace_desk(app)
        account = accounts.the_account(app.database, app.clock, app.ids)
        self.actor = Actor("us_key_test", account.environment_scope)
        self.space = spaces.create(self.desk, self.actor, {"name": "shop"})

    def upload(self) -> Resource:
        """Send the file of customers; its extraction is asked for with it."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["Name", "E-mail", "amount"])
        writer.writerows(rows())
        return self.send("customers.csv", text.getvalue().encode())

    def send(self, name: str, data: bytes) -> Resource:
        """Send a file."""
        with Incoming(self.desk.roots) as incoming:
            incoming.write(data)
            return files.store(self.desk, self.actor, self.space.id, NewFile(name=name), incoming)

    def customers(self) -> tuple[Resource, Sheet]:
        """Make the workbook that the customers go to."""
        raw: dict[str, Json] = {"name": "CRM", "sheets": [{"name": "Customers", "slug": "customers", "fields": FIELDS}]}
        workbook, made = workbooks.create(self.desk, self.actor, self.space.id, raw)
        return workbook, made[0]

    def ask(self, type_: str, operation: str, source: str, config: Mapping[str, Json], **more: Any) -> Job:
        """Ask for a job of the engine."""
        asked = {"trigger": JobTrigger.IMMEDIATE, **more}
        request = JobRequest(type=type_, operation=operation, source=source, config=config, **asked)
        return making.create(job_desk(self._house.application), self.actor, request)

    def execute(self, job: Job) -> Job:
        """Say that a job is to be done."""
        return verbs.execute(job_desk(self._house.application), self.actor, job.id)

    def extracted(self, file: Resource) -> tuple[str, Sheet]:
        """Return the workbook that was made of the file, and its sheet."""
        with self._house.application.database.reading() as tx:
            found = resources.get(tx, self.actor.scope, ResourceKind.FILE, file.id)
            workbook_id = found.body["workbookId"]
            assert isinstance(workbook_id, str)
            return workbook_id, sheets.of_workbook(tx, workbook_id)[0]

    def workbooks(self) -> list[str]:
        """Return the names of all workbooks of the space."""
        return self._names(ResourceKind.WORKBOOK)

    def files(self) -> list[str]:
        """Return the names of all files of the space."""
        return self._names(ResourceKind.FILE)

    def job(self, job: Job) -> Job:
        """Return a job as it is now."""
        with self._house.application.database.reading() as tx:
            return jobs.get(tx, self.actor.scope, job.id)

    def jobs(self) -> list[Job]:
        """Return the jobs of the space, oldest first."""
        query = jobs.JobQuery(space_id=self.space.id)
        with self._house.application.database.reading() as tx:
            return jobs.page(tx, self.actor.scope, query, 100, 0, descending=False)[0]

    def records(self, sheet: Sheet) -> list[tuple[str | None, str | None, Json, bool]]:
        """Return name, address, amount and validity of a sheet's records, in their order."""
        with self._house.application.database.reading() as tx:
            kept = record_pages.walk(tx, sheets.get(tx, self.actor.scope, sheet.id), Selection(), None, 10 * CUSTOMERS)
        return [
            (
                _text(record.values.get("name", record.values.get("Name"))),
                _text(record.values.get("email", record.values.get("E-mail"))),
                record.values.get("amount"),
                record.valid,
            )
            for record in kept
        ]

    def _names(self, kind: ResourceKind) -> list[str]:
        query = ResourceQuery(scope=self.actor.scope, kind=kind, space_id=self.space.id)
        with self._house.application.database.reading() as tx:
            return sorted(item.name for item in resources.page(tx, query, 100, 1)[0])


def as_extracted() -> list[tuple[str | None, str | None, Json, bool]]:
    """Return what an extraction makes of the file: texts, and nothing where there is none."""
    return [(name, email or None, amount, True) for name, email, amount in rows()]


def as_mapped(*, shouting: bool = False) -> list[tuple[str | None, str | None, Json, bool]]:
    """Return what the customers' sheet has after the mapping, and after the script."""
    return [
        (
            f"{name}!" if shouting else name,
            email or None,
            int(amount) if amount.isdigit() else amount,
            bool(email) and amount.isdigit(),
        )
        for name, email, amount in rows()
    ]


def _text(value: Json) -> str | None:
    assert value is None or isinstance(value, str)
    return value
