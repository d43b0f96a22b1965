"""Fields with keys as headers of spreadsheets have them: with line breaks, quotation marks, backslashes, dots, signs of JavaScript."""

import json
from urllib.parse import quote

from api.jobs.conftest import Client, errors_of
from api.jobs.sheets_of_tests import make_sheet

KEYS = ("First\nname", 'the "real" one', "C:\\path", "a.b[0]", "__proto__", "it's %s 100%", "Größe")


def test_records_with_odd_keys_are_written_read_and_selected(client: Client) -> None:
    """Nothing about a key may make a failure of the server, or a value that is lost."""
    fields = [{"key": key, "type": "string", "constraints": [{"type": "unique"}]} for key in KEYS]
    sheet = make_sheet(client, [*fields, {"key": "n", "type": "number"}])["id"]
    path, records = f"/sheets/{sheet}", f"/sheets/{sheet}/records"
    sent = [
        {**{key: {"value": "b"} for key in KEYS}, "n": 1},
        dict.fromkeys(KEYS, "a"),
        {**{key: {"value": "a"} for key in KEYS}, "n": {"value": "x"}},
    ]
    made = client.post(records, sent)["records"]
    assert [one["valid"] for one in made] == [True, False, False]
    assert client.get(records)["records"] == made
    assert errors_of(client("POST", records, [{"nothing": 1}]))[1][0][0] == "nothing"
    client.done(
        "PUT",
        records,
        [{"id": made[2]["id"], "values": {**{key: {"value": "C"} for key in KEYS}, "n": {"value": 2}}}],
    )
    assert client.get(f"{records}?filter=error")["records"] == []
    by_field = client.get(f"{path}/counts?byField=true")["counts"]["byField"]
    for key in KEYS:
        field, asked = quote(key), key.replace("\\", "\\\\").replace('"', '\\"')
        queries = {
            f"sortField={field}&sortDirection=desc": ["b", "a", "C"],
            f"searchValue=c&searchField={field}": ["C"],
            f"searchValue=c&fields={field}": ["C"],
            "q=" + quote(f'"{asked}" eq C'): ["C"],
        }
        for query, expected in queries.items():
            found = client.get(f"{records}?{query}")["records"]
            assert [one["values"][key]["value"] for one in found] == expected, query
        assert by_field[key]["total"] == 3
        cells = client.get(f"{path}/cells?fieldKey={field}&distinct=true")[key]
        assert {one["value"] for one in cells} == {"a", "b", "C"}
        client.done("PUT", f"{path}/find-replace", {"fieldKey": key, "find": "b", "replace": "B"})
    lines = client.raw("GET", f"/v2-alpha/records.jsonl?stream=true&sheetId={sheet}").text.splitlines()
    assert [[json.loads(line)[key] for key in KEYS] for line in lines] == [[value] * len(KEYS) for value in "BaC"]
