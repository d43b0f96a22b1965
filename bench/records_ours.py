"""A million records of 20 columns, through the service, in this process. Prints one JSON object.

python -m bench.records_ours DATABASE-URL RECORDS CLIENTS
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec

from headrace.api.jobs.translate.records import texts_of
from headrace.bootstrap.application import SystemClock, SystemIds
from headrace.core.blueprint_reading import read_blueprint
from headrace.core.codec import Json
from headrace.core.job import Actor
from headrace.core.job_limits import JobLimits
from headrace.core.record import CommitWish, Selection, Standing
from headrace.core.workspace import Sheet
from headrace.service.records import reading
from headrace.service.records.revalidating import revalidate, revalidate_sheet
from headrace.service.records.selecting import SelectionAsked
from headrace.service.records.writing import RecordDesk, insert_page
from headrace.store import migrations, record_blocks, record_pages, sheets
from headrace.store.database import Database

PAGE = 10_000
SHOWN = 100
ROUNDS = 5
_KINDS = ["open", "closed", "waiting"]
_ACTOR = Actor("us_key_1", "jobs/us_acc_1/us_env_1")
_WISH = CommitWish(actor_id=_ACTOR.id)
_MARK = "PPPP"
"""Stands in made pages for the number of the page."""


def fields(*, unique: bool) -> list[dict[str, Json]]:
    """Return 20 fields: texts, numbers, booleans, days, an enum, and an address that may have to be unique."""
    constraints: list[Json] = [{"type": "unique"}] if unique else []
    return [
        {"key": "email", "type": "string", "constraints": [{"type": "required"}, *constraints]},
        *_alike("text", "string", 10),
        *_alike("number", "number", 4),
        *_alike("flag", "boolean", 2),
        *_alike("day", "date", 2),
        {"key": "kind", "type": "enum", "config": {"options": [{"value": kind} for kind in _KINDS]}},
    ]


def _alike(name: str, kind: str, count: int) -> list[dict[str, Json]]:
    return [{"key": f"{name}_{number}", "type": kind} for number in range(count)]


def page(seed: int) -> bytes:
    """Return a page as it comes from the wire, about 700 bytes a record; one record in a hundred has an error."""
    chance = random.Random(seed)  # noqa: S311 — data of a measurement
    made = []
    for number in range(PAGE):
        values: dict[str, object] = {"email": f"{chance.randrange(10**6)}.{number}.{_MARK}@example.org"}
        values |= {f"text_{n}": f"value {chance.randrange(10**9)} of {n}" for n in range(10)}
        values |= {f"number_{n}": chance.randrange(10**6) / 100 for n in range(4)}
        values |= {f"flag_{n}": chance.random() < 0.5 for n in range(2)}
        values |= {f"day_{n}": f"20{chance.randrange(10, 30)}-0{chance.randrange(1, 9)}-1{n}" for n in range(2)}
        values["kind"] = chance.choice(_KINDS) if number % 100 else "none of them"
        made.append({key: {"value": value} for key, value in values.items()})
    return msgspec.json.encode(made)


def sheet_in(desk: RecordDesk, *, unique: bool) -> Sheet:
    """Make a sheet."""
    now = desk.clock.now()
    name = f"s{desk.ids.uuid()}"
    blueprint = read_blueprint({"name": name, "slug": name, "fields": fields(unique=unique)})
    made = Sheet(
        id=f"us_sh_{name}",
        number=0,
        scope=_ACTOR.scope,
        space_id="us_sp_1",
        workbook_id=f"us_wb_{name}",
        name=name,
        slug=name,
        blueprint=blueprint,
        created_at=now,
        updated_at=now,
    )
    with desk.database.transaction() as tx:
        return sheets.insert(tx, made)


def inserted(desk: RecordDesk, sheet: Sheet, records: int, clients: int) -> float:
    """Insert records in pages, by so many clients at once, and return how many a second."""
    pages = [page(seed) for seed in range(5)]

    def send(number: int) -> float:
        raw = pages[number % len(pages)].replace(_MARK.encode(), b"%04d" % number)
        begun = time.perf_counter()
        insert_page(desk, _ACTOR, sheet.id, raw, _WISH)
        return time.perf_counter() - begun

    begun = time.perf_counter()
    if clients == 1:
        return records / sum(map(send, range(records // PAGE)))
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, range(records // PAGE)))
    return records / (time.perf_counter() - begun)


def seconds(work: Callable[[], object], rounds: int = 1) -> float:
    """Return how long it takes, the median of some rounds."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def measured(url: str, records: int, clients: int) -> dict[str, float]:
    """Return all figures for a fresh ledger at ``url``."""
    database = Database(url)
    migrations.upgrade(database)
    desk = RecordDesk(database, SystemClock(), SystemIds(), JobLimits())
    sheet = sheet_in(desk, unique=False)
    found = {"inserted": inserted(desk, sheet, records, clients)}

    def shown(selection: Selection, number: int) -> Callable[[], object]:
        def look() -> None:
            with database.reading() as tx:
                record_pages.page(tx, sheet, selection, SHOWN, number)

        return look

    def answered(size: int, number: int, **asked: Any) -> Callable[[], object]:
        """A page as it goes to the wire."""

        def look() -> None:
            page = reading.page(database, _ACTOR, sheet.id, SelectionAsked(**asked), size, number)
            texts_of(page.sheet.blueprint).texts(page.rows)

        return look

    def counted() -> None:
        with database.reading() as tx:
            record_blocks.counts(tx, sheet)

    def made_unique() -> None:
        with database.transaction() as tx:
            before = sheets.hold(tx, None, sheet.id)
            raw = {**before.blueprint.raw, "fields": fields(unique=True)}
            after = sheets.rewrite(tx, replace(before, blueprint=read_blueprint(raw)))
            revalidate(tx, desk, _ACTOR, before, after, desk.clock.now())

    found["page"] = seconds(shown(Selection(), records // SHOWN // 2), ROUNDS)
    found["page_of_errors"] = seconds(shown(Selection(standing=Standing.ERROR), records // SHOWN // 200), ROUNDS)
    found["answer_1000"] = seconds(answered(1_000, records // 2_000), ROUNDS)
    found["answer_1000_last"] = seconds(answered(1_000, records // 1_000), ROUNDS)
    found["answer_1000_errors"] = seconds(answered(1_000, 1, filter="error"), ROUNDS)
    found["answer_10000"] = seconds(answered(10_000, records // 20_000), ROUNDS)
    found["counts"] = seconds(counted, ROUNDS)
    found["unique"] = seconds(made_unique)
    found["validate"] = seconds(lambda: revalidate_sheet(desk, _ACTOR, sheet.id))
    found["inserted_unique"] = inserted(desk, sheet_in(desk, unique=True), records // 2, clients)
    database.dispose()
    return found


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
