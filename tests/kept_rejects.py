"""A batch with rejected rows of every sort, in a console's ledger and folders."""

import json
from dataclasses import replace
from typing import Any

from console_house import House
from headrace.core.codec import encode
from headrace.core.flow import Activity, Plan
from headrace.core.outcome import Figures, ReasonCount
from headrace.core.settings import PromoteSettings
from headrace.core.source import FileFormat, FileType
from headrace.core.target import DeltaTarget
from headrace.dataplane.quarantine import layout
from headrace.store import batches, flows, runs
from ledger_rows import a_batch, a_flow, a_run

PROMOTE = PromoteSettings(
    landing="Copy",
    target=DeltaTarget("flights"),
    format=FileFormat(type=FileType.JSON),
    mapping={"departure": "to_date(dep_time)", "carrier": "upper(carrier)"},
)
PLAN = Plan((Activity("Promote", "promote", encode(PROMOTE)),))  # type: ignore[arg-type]  # an object, as settings are


def keep(house: House, batch: str, scope: str, flow: str = "flights") -> None:
    """Write a batch of four rejected rows, one of which could not be read, with its run and its flow."""
    now = house.clock.now()
    run, flow_id = f"run-of-{batch}", f"flow-of-{batch}"
    counts = (
        ReasonCount("type", "departure", 2, "'25:77' is no time"),
        ReasonCount("required", "carrier", 1, "is null, and required"),
        ReasonCount("unreadable", None, 1, "3 columns were expected, 5 came"),
    )
    figures = Figures(rows_read=10, rows_accepted=6, rows_rejected=4, rows_skipped=0)
    with house.application.database.transaction() as tx:
        flows.put(tx, a_flow(id=flow_id, scope=scope, name=flow), now)
        runs.insert(tx, a_run(run, scope=scope, flow_id=flow_id, flow_name=flow, definition=PLAN, created_at=now))
        batches.save(
            tx, replace(a_batch(batch, scope=scope, run_id=run, created_at=now, rejects=counts), figures=figures)
        )
    _write(house, batch, "parsing_errors_0", {**_row(1, ("unreadable", None)), "_corrupt_record": "UA;1;<b>x</b>;;;"})
    _write(
        house,
        batch,
        "conversion_errors_0",
        _row(2, ("type", "departure"), carrier="UA", dep_time="25:77", note="=HYPERLINK(1)"),
        _row(3, ("type", "departure"), carrier="AA", dep_time="x", note="+1"),
        _row(4, ("required", "carrier"), carrier=None, dep_time="10:00", note="-"),
    )


def _row(number: int, *errors: tuple[str, str | None], **cells: Any) -> dict[str, Any]:
    told = [
        {"code": code, **({"column": column} if column else {}), "message": f"{code} of {column}"}
        for code, column in errors
    ]
    return {"_reject": number, "_filename": "day <1>.json", "_line": number + 10, "_errors": told, **cells}


def _write(house: House, batch: str, name: str, *rows: dict[str, Any]) -> None:
    path = layout.folder_of(house.application.roots, batch) / layout.ROW_ERRORS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


def keep_row_of(house: House, batch: str, text: str) -> None:
    """Write a further row into a batch: its cells, a column, its file, its reason and its message are ``text``."""
    error = {"code": "type", "column": text, "message": text}
    row = {"_reject": 5, "_filename": text, "_line": 15, "_errors": [error], text: text, "carrier": text}
    _write(house, batch, "hostile_errors_0", row, {**_row(6, (text, None)), "_corrupt_record": text})
