"""Sheets that tests of the Jobs door make over the wire."""

from typing import Any

from api.jobs.conftest import Client

PEOPLE = [
    {"key": "name", "type": "string", "label": "Full name", "constraints": [{"type": "required"}]},
    {"key": "age", "type": "number"},
    {"key": "active", "type": "boolean"},
    {"key": "tags", "type": "string-list"},
]


def make_sheet(client: Client, fields: list[dict[str, Any]] | None = None, **settings: Any) -> Any:
    """Return a new sheet, in a workbook and a space of its own."""
    space = client.post("/spaces", {"name": "Space"})
    sheet = {"name": "People", "slug": "people", "fields": PEOPLE if fields is None else fields}
    workbook = client.post("/workbooks", {"name": "Book", "spaceId": space["id"], "sheets": [sheet], **settings})
    return workbook["sheets"][0]


def names_of(records: list[Any]) -> list[Any]:
    """Return the names of records."""
    return [record["values"]["name"]["value"] for record in records]
