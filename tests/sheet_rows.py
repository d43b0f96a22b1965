"""Sheets with records, written straight into the tables: for tests of what reads them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from headrace.core.blueprint import Blueprint, FieldKind, FieldSpec
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.workspace import Sheet
from headrace.store import sheets
from headrace.store.database import Transaction
from headrace.store.record_rows import kept_id
from headrace.store.sheet_tables import BLOCK, commit_ranges, sheet_blocks, sheet_records

SCOPE = "jobs/us_acc_1/us_env_1"


def field(key: str, kind: str = "string", label: str | None = None) -> FieldSpec:
    """Return a field without rules."""
    return FieldSpec(key, FieldKind(kind), label or key, {"key": key, "type": kind})


def lay_sheet(tx: Transaction, fields: Sequence[FieldSpec], *, id: str = "us_sh_1") -> Sheet:  # noqa: A002 — as the sheet has it
    """Write an empty sheet and return it."""
    raw: dict[str, Json] = {"name": id, "fields": [item.raw for item in fields]}
    return sheets.insert(
        tx,
        Sheet(
            id=id,
            number=0,
            scope=SCOPE,
            space_id="us_sp_1",
            workbook_id="us_wb_1",
            name=id,
            slug=id,
            blueprint=Blueprint(tuple(fields), raw=raw),
            created_at=Instant(0),
            updated_at=Instant(0),
        ),
    )


def lay_records(
    tx: Transaction,
    sheet: Sheet,
    records: Sequence[Mapping[str, Any]],
    *,
    messages: Mapping[int, Mapping[str, Sequence[Sequence[str]]]] | None = None,
    first: int = 0,
    commit: int = 1,
) -> list[str]:
    """Write ``records`` (values by key) from position ``first`` on, as commit ``commit`` made them, and return their ids.

    ``messages`` by place in ``records``: one of level error makes a record wrong.
    """
    ids = [f"us_rc_{sheet.number:016x}{first + number:016x}" for number in range(len(records))]
    rows = []
    for number, values in enumerate(records):
        said = (messages or {}).get(number)
        wrong = any(item[0] == "error" for items in (said or {}).values() for item in items)
        rows.append(
            {
                "sheet": sheet.number,
                "position": first + number,
                "record_id": kept_id(ids[number]),
                # A number with an exponent is written as in the store: without a needless one.
                "values": _kept(tx, {key: value for key, value in values.items() if value is not None}),
                "messages": None if said is None else _kept(tx, said),
                "valid": not wrong,
                "created_commit": commit,
                "updated_commit": commit,
                "updated_at": 1_700_000_000_000_000,
            }
        )
    tx.execute(sa.insert(sheet_records), rows)
    for block in sorted({row["position"] // BLOCK for row in rows}):
        here = [row for row in rows if row["position"] // BLOCK == block]
        errors = sum(not row["valid"] for row in here)
        tx.execute(sa.insert(sheet_blocks).values(sheet=sheet.number, block=block, total=len(here), error=errors))
    last = first + len(records) - 1
    tx.execute(sa.insert(commit_ranges).values(sheet=sheet.number, commit_number=commit, first=first, last=last))
    return ids


def _kept(tx: Transaction, value: Any) -> Any:
    # SQLAlchemy writes JSON for PostgreSQL by itself; on SQLite the column is text, in which letters stand as they are.
    return value if tx.dialect == "postgresql" else json.dumps(value, ensure_ascii=False)
