"""Records line by line, on both databases."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import httpx

from api.jobs.conftest import Client, client_of, door_maker, errors_of
from api.jobs.sheets_of_tests import make_sheet, names_of
from fakes import ManualClock
from headrace.core.job_limits import JobLimits
from headrace.store.database import Database

URL = "/v2-alpha/records.jsonl"


def _write(client: Client, lines: list[Any], query: str = "", **headers: str) -> httpx.Response:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return client.raw("POST", f"{URL}?{query}", "\n".join(texts).encode(), content_type="application/jsonl", **headers)


def _read(client: Client, query: str) -> list[Any]:
    answer = client.raw("GET", f"{URL}?stream=true&{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/jsonl")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_lines_insert_change_and_remove(client: Client) -> None:
    """Each line says by its own names what it wants; the answer is bare."""
    sheet = make_sheet(client)
    at = {"X_Sheet_Id": sheet["id"]}
    named = "us_rc_" + "a" * 32
    first = [
        {"name": "Ann", "age": 3},
        "",
        {"__nk": named, "name": "Bob", "__m": {"a": 1}, "__i": [{"x": "age", "m": "Hm", "t": "warn"}]},
        {"__s": sheet["id"], "name": "Cleo"},
        {"__s": sheet["id"], "__n": "people", "name": "Dan"},
    ]
    assert _write(client, first, **at).json() == {"success": True, "created": 4, "updated": 0}
    ann, bob, cleo, dan = (line["__k"] for line in _read(client, f"sheetId={sheet['id']}"))
    assert bob == named
    second = [
        {"__k": ann, "age": 4},
        {"__k": cleo, "__d": True},
        {"__k": ann, "name": "Anna", "age": None},
        {"__k": dan, "__d": True},
    ]
    book = f"workbookId={sheet['workbookId']}&sheetSlug=people"
    assert _write(client, second, book).json() == {"success": True, "created": 0, "updated": 2}
    assert _read(client, book) == [{"__k": ann, "name": "Anna"}, {"__k": bob, "name": "Bob"}]
    whole = "includeMessages=true&includeMetadata=true&includeConfig=true&includeSheet=true&includeSheetSlug=true"
    found = _read(client, f"sheetId={sheet['id']}&{whole}&includeTimestamps=true&includeEmptyCells=true&ids={bob}")
    assert found[0].pop("__u").endswith("Z")
    assert found == [
        {
            "__s": sheet["id"],
            "__n": "people",
            "__k": bob,
            "name": "Bob",
            "age": None,
            "active": None,
            "tags": None,
            "__e": True,
            "__i": [{"x": "age", "m": "Hm"}],
            "__m": {"a": 1},
            "__c": {},
        }
    ]
    assert _read(client, f"sheetId={sheet['id']}&{whole}&noContext=true&fields=name&pageSize=1&sortField=name")[
        0
    ].keys() == {
        "__k",
        "name",
        "__e",
        "__i",
        "__m",
        "__c",
    }


def test_a_stream_stops_at_the_first_bad_line_and_says_what_stays(
    runner: asyncio.Runner, sqlite_database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    """The number of the line counts all lines; every good line before it is committed, and no line behind it."""
    client = client_of(runner, door_maker(sqlite_database, clock, tmp_path)(limits=JobLimits(commit_records=4)), clock)
    sheet = make_sheet(client)
    at = {"X_Sheet_Id": sheet["id"]}
    good = [{"name": f"n{number}"} for number in range(7)]
    bad: list[Any] = [
        '{"name":"x"',
        '{"name":"x"},{"name":"y"}',
        "[1]",
        {"shoe": 1},
        {"__k": "us_rc_none", "name": "x"},
    ]
    bad += [{"__d": True}, {"__k": 5}, {"__s": "us_sh_none", "name": "x"}, {"__i": 5, "name": "x"}]
    for line in bad:
        status, errors = errors_of(_write(client, [*good[:3], "", *good[3:6], line, *good], "truncate=true", **at))
        assert (status, errors[0][0]) == (400, "line 8"), line
        assert "6 lines before say is committed and stays (6 created" in errors[0][1], errors
        assert len(_read(client, f"sheetId={sheet['id']}")) == 6
    status, errors = errors_of(_write(client, good[:1]))
    assert (status, errors[0][0]) == (400, "line 1")
    assert errors_of(client.raw("GET", URL))[1][0][0] == "sheetId"
    assert errors_of(client.raw("GET", f"{URL}?sheetId=us_sh_none"))[0] == 404
    assert errors_of(client.raw("GET", f"{URL}?sheetId={sheet['id']}&q=x"))[1][0][0] == "q"


def test_a_sheet_is_emptied_after_a_snapshot_was_taken(sqlite_client: Client) -> None:
    """Packed bodies too, as listeners send them."""
    client = sqlite_client
    sheet = make_sheet(client)
    client.post(f"/sheets/{sheet['id']}/records", [{"name": "Ann"}])
    body = gzip.compress(b'{"name":"Bob"}\n{"name":"Cleo"}\n')
    query = f"{URL}?truncate=true&snapshot=true&silent=true"
    headers = {"content_encoding": "gzip", "x_sheet_id": sheet["id"]}
    assert client.raw("POST", query, body, **headers).json() == {"success": True, "created": 2, "updated": 0}
    assert names_of(client.get(f"/sheets/{sheet['id']}/records")["records"]) == ["Bob", "Cleo"]
    (snapshot,) = client.get(f"/snapshots?sheetId={sheet['id']}")
    (deleted,) = client.get(f"/snapshots/{snapshot['id']}/records?changeType=deletedSince")
    assert deleted["values"]["name"]["snapshotValue"] == "Ann"


def test_a_line_that_is_nested_too_deep_is_refused_with_its_number(client: Client) -> None:
    """Readers of JSON have an end to what they can take; the lines before it are there, and the sheet can be read."""
    sheet = make_sheet(client)
    deep = "[" * 2_000 + "]" * 2_000
    for part in (deep, deep[1_900:2_100]):
        for line in (f'{{"name": {part}}}', f'{{"__m": {{"a": {part}}}, "name": "x"}}'):
            refused = _write(client, [{"name": "Ann"}, line], X_Sheet_Id=sheet["id"])
            assert refused.status_code == 400
            assert "line 2: it is nested more than 100 levels deep" in refused.text
    assert _write(client, [f'{{"tags": {deep[1_950:2_050]}}}'], X_Sheet_Id=sheet["id"]).status_code == 200
    assert len(_read(client, f"sheetId={sheet['id']}")) == 5


def test_a_field_whose_key_looks_like_one_of_the_lines_own_is_kept(client: Client) -> None:
    """What a line was read with can be written again; of names that nobody has, nothing is kept."""
    sheet = make_sheet(client, [{"key": "__proto__", "type": "string"}, {"key": "constructor", "type": "string"}])
    line = {"__proto__": "a", "constructor": "b"}
    assert _write(client, [line, {**line, "__other": 1}], X_Sheet_Id=sheet["id"]).json()["created"] == 2
    found = _read(client, f"sheetId={sheet['id']}")
    assert [one.pop("__k")[:6] for one in found] == ["us_rc_"] * 2
    assert found == [line, line]


def test_a_cell_that_is_nested_too_deep_is_refused(client: Client) -> None:
    """The databases have an end to what they read, and so have we."""
    sheet = make_sheet(client)
    for levels in (200, 20_000):
        page = f'[{{"name": {{"value": {"[" * levels}{"]" * levels}}}}}]'
        refused = client.raw("POST", f"/v1/sheets/{sheet['id']}/records", page.encode())
        assert (refused.status_code, "deep" in refused.text) == (400, True)
    assert client.get(f"/sheets/{sheet['id']}/records")["records"] == []
