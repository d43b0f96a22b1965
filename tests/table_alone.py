"""Writes rows into a table in a process of its own, which may be made to die: ``python table_alone.py`` with what to do as JSON on its input.

``{"kind", "url", "home", "rows", "options", "crash_at"}``; it tells how many rows of all slices are in the sink, and how many were refused.
"""

import json
import sys
from pathlib import Path
from typing import Any

from headrace.core import crashpoints
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.transfer.request import TableMode
from headrace.dataplane.transfer.values import Field, ValueType
from table_houses import TableHouse

FIELDS = (Field("n", ValueType.INT32), Field("name", ValueType.STRING))


def main() -> None:
    """Write."""
    asked: dict[str, Any] = json.load(sys.stdin)
    crashpoints.arm_from(asked["crash_at"])
    options = dict(asked["options"])
    options["mode"] = TableMode(options.get("mode", "insert"))
    house = TableHouse(asked["kind"], ConnectionInfo(asked["kind"], asked["url"]), list, Path(asked["home"]))
    refused, written = house.write([tuple(row) for row in asked["rows"]], FIELDS, slices=2, batch_rows=2, **options)
    sys.stdout.write(json.dumps([written, len(refused)]))


if __name__ == "__main__":
    main()
