"""Records over the wire; what is selected means the same on both databases (``tests/store/test_record_selection``)."""

import json
from typing import Any

from api.jobs.conftest import Client, errors_of
from api.jobs.sheets_of_tests import PEOPLE, make_sheet, names_of
from telling import hand_out_later

ANN = {"name": {"value": "Ann"}, "age": {"value": 31}, "tags": {"value": ["a", "b"]}}
BOB = {"name": "Bob", "age": "41", "active": "yes"}
NOBODY = {"age": {"value": "old", "messages": [{"type": "warn", "message": "Really?"}]}}


def test_records_have_five_keys_and_every_cell(sqlite_client: Client) -> None:
    """An extra key, or a cell that is missing, makes the record hook of the vendor believe that the record changed."""
    client = sqlite_client
    path = f"/sheets/{make_sheet(client)['id']}/records"
    made = client.post(path, [ANN, BOB, NOBODY])
    assert made["success"] is True
    assert made["commitId"] == made["versionId"]
    found = client.get(path)
    assert found["records"] == made["records"]
    ann, bob, nobody = found["records"]
    assert [set(record) for record in (ann, bob, nobody)] == [{"id", "values", "valid", "metadata", "config"}] * 3
    assert ann["values"] == {
        "name": {"value": "Ann", "messages": [], "valid": True},
        "age": {"value": 31, "messages": [], "valid": True},
        "active": {"value": None, "messages": [], "valid": True},
        "tags": {"value": ["a", "b"], "messages": [], "valid": True},
    }
    assert [bob["values"][key]["value"] for key in ("name", "age", "active")] == ["Bob", 41, True]
    assert not nobody["valid"]
    assert nobody["values"]["age"] == {
        "value": "old",
        "messages": [
            {"type": "error", "source": "is-artifact", "message": '"old" is not a valid number'},
            {"type": "warn", "source": "custom-logic", "message": "Really?"},
        ],
        "valid": False,
    } or {item["source"] for item in nobody["values"]["age"]["messages"]} == {"is-artifact", "custom-logic"}
    assert nobody["values"]["name"]["messages"][0]["source"] == "required-constraint"


def test_a_put_changes_what_it_names_and_nothing_else(sqlite_client: Client) -> None:
    """Cells without a value keep it; metadata and config are replaced; a PUT that changes nothing makes no commit."""
    client = sqlite_client
    path = f"/sheets/{make_sheet(client)['id']}/records"
    ann, bob = client.post(path, [ANN, BOB])["records"]
    change = {
        "id": ann["id"],
        "values": {"age": {"value": None}, "name": {"messages": [{"type": "info", "message": "Hello"}]}},
        "metadata": {"a": 1},
        "config": {"x": {}},
        "valid": False,
    }
    written = client.done("PUT", path, [change])
    now = client.get(path)["records"]
    assert now[1] == bob
    assert now[0]["metadata"] == {"a": 1}
    assert now[0]["config"] == {"x": {}}
    assert now[0]["values"]["age"]["value"] is None
    assert now[0]["values"]["tags"] == ann["values"]["tags"]
    assert now[0]["values"]["name"]["messages"] == [{"type": "info", "source": "custom-logic", "message": "Hello"}]
    assert client.done("PUT", path, [change]) == written
    assert names_of(client.get(f"{path}?commitId={written['commitId']}")["records"]) == ["Ann"]


def test_bad_bodies_are_refused_with_every_fault_and_its_place(sqlite_client: Client) -> None:
    """Whoever sends a page sees all that is wrong with it."""
    path = f"/sheets/{make_sheet(sqlite_client)['id']}/records"
    body = [
        {"values": {}},
        {"id": "us_rc_x", "metadata": 5},
        7,
        {"id": "x", "values": {"name": {"messages": [{"type": "loud", "message": "m"}]}}},
    ]
    status, errors = errors_of(sqlite_client("PUT", path, body))
    assert status == 400
    assert [key for key, _ in errors] == ["[0].id", "[1].metadata", "[2]", "[3].values.name.messages[0].type"]
    assert errors_of(sqlite_client("PUT", path, [{"id": "us_rc_x"}]))[0] == 400
    assert errors_of(sqlite_client("POST", path, [{"shoe": 1}]))[0] == 400
    assert errors_of(sqlite_client("GET", "/sheets/us_sh_none/records"))[0] == 404
    assert errors_of(sqlite_client("DELETE", path)) == (400, [("ids", "ids is required")])


def test_records_are_selected_alike_everywhere(client: Client) -> None:
    """Filters, searches, queries, ids that include and exclude, fields, sorting, paging and counts."""
    sheet = make_sheet(client)
    path = f"/sheets/{sheet['id']}/records"
    made = client.post(path, [ANN, BOB, NOBODY, {"name": "Cleo", "age": 5}])
    ids = [record["id"] for record in made["records"]]
    wanted: list[tuple[str, list[Any]]] = [
        ("filter=valid", ["Ann", "Bob", "Cleo"]),
        ("filter=error", [None]),
        ("filter=valid&filterField=name", ["Ann", "Bob", "Cleo"]),
        ("filter=error&filterField=age", [None]),
        ("filter=error&filterField=active", []),
        ("filter=none", []),
        (f"filter=none&ids={ids[1]}&ids={ids[2]}", ["Bob", None]),
        (f"ids={ids[0]},{ids[3]}", ["Ann", "Cleo"]),
        (f"filter=all&ids={ids[0]}", ["Bob", None, "Cleo"]),
        (f"q=is+valid&ids={ids[0]}", ["Bob", "Cleo"]),
        ("searchValue=AN", ["Ann"]),
        ('searchValue="an"', []),
        ("searchValue=4&searchField=age", ["Bob"]),
        ('q="full name" like %25o%25 and (age gt 4.5 or active eq true)', ["Bob", "Cleo"]),
        ("q=tags contains b", ["Ann"]),
        ("sortField=age&sortDirection=desc", ["Bob", "Ann", "Cleo", None]),
        ("pageSize=3&pageNumber=2", ["Cleo"]),
        ("pageSize=3&pageNumber=9", []),
        (f"commitId={made['commitId']}", ["Ann", "Bob", None, "Cleo"]),
    ]
    for query, names in wanted:
        assert names_of(client.get(f"{path}?{query}")["records"]) == names, query
        if "page" not in query:
            counted = client.get(f"/sheets/{sheet['id']}/counts?{query}")["counts"]
            assert counted["total"] == len(names), query
    found = client.get(f"{path}?fields=age&includeCounts=true&pageSize=1")
    assert set(found["records"][0]["values"]) == {"age"}
    assert found["counts"] == {"total": 4, "valid": 3, "error": 1}
    assert client.done("GET", f"{path}/indices?sortField=age&ids={ids[3]}&ids={ids[1]}") == [
        {"id": ids[3], "index": 0},
        {"id": ids[1], "index": 2},
    ]


def test_all_that_is_wrong_with_a_selection_is_said_at_once(sqlite_client: Client) -> None:
    """Each fault has the name of its parameter."""
    path = f"/sheets/{make_sheet(sqlite_client)['id']}/records"
    many = "&".join(f"ids=us_rc_{number}" for number in range(101))
    query = f"filter=some&filterField=x&searchField=y&sortField=z&q=name+eq&commitId=us_vr_none&for=us_evt_none&fields=w&{many}"
    status, errors = errors_of(sqlite_client("GET", f"{path}?{query}"))
    keys = {"filter", "filterField", "searchField", "sortField", "q", "commitId", "for", "fields", "ids"}
    assert (status, {key for key, _ in errors}) == (400, keys)


def test_values_are_found_replaced_and_given_to_many(sqlite_client: Client) -> None:
    """In the selection only; a whole value in quotes, a part without; empty cells where nothing is looked for."""
    client = sqlite_client
    sheet = make_sheet(client)
    path = f"/sheets/{sheet['id']}/records"
    client.post(path, [{"name": "aXbX", "tags": ["X", "y"]}, {"name": "X", "age": 12}, {"name": "y"}])

    def replace(query: str = "", **body: Any) -> list[Any]:
        client.done("PUT", f"/sheets/{sheet['id']}/find-replace{query}", body)
        return list(client.get(path)["records"])

    assert names_of(replace(fieldKey="name", find="X", replace="%")) == ["a%b%", "%", "y"]
    assert names_of(replace(fieldKey="name", find='"%"', replace="z")) == ["a%b%", "z", "y"]
    assert names_of(replace("?searchValue=b", fieldKey="name", find="%", replace="")) == ["ab", "z", "y"]
    assert [record["values"]["age"]["value"] for record in replace(fieldKey="age", find="2", replace="5")][1] == 15
    assert [record["values"]["age"]["value"] for record in replace(fieldKey="age", replace="7")] == [7, 15, 7]
    assert replace(fieldKey="tags", find="X", replace="Z")[0]["values"]["tags"]["value"] == ["Z", "y"]
    client.done("PATCH", f"{path}/bulk-update?q=age+eq+7", {"fieldUpdates": {"active": {"value": True}}})
    assert [record["values"]["active"]["value"] for record in client.get(path)["records"]] == [True, None, True]
    assert errors_of(client("PUT", f"/sheets/{sheet['id']}/find-replace", {"fieldKey": "shoe"}))[1][0][0] == "fieldKey"


def test_cells_and_counts_are_told_by_field(sqlite_client: Client) -> None:
    """Lists of values to choose from, and how much is wrong where."""
    client = sqlite_client
    sheet = make_sheet(client)
    client.post(f"/sheets/{sheet['id']}/records", [ANN, BOB, NOBODY, {"name": "Ann"}])
    path = f"/sheets/{sheet['id']}"
    assert client.get(f"{path}/cells?fieldKey=name&distinct=true&includeCounts=true") == {
        "name": [
            {"value": "Ann", "counts": {"total": 2, "valid": 2, "error": 0}},
            {"value": "Bob", "counts": {"total": 1, "valid": 1, "error": 0}},
            {"value": None, "counts": {"total": 1, "valid": 0, "error": 1}},
        ]
    }
    assert client.get(f"{path}/cells?fieldKey=name&distinct=false&pageSize=2") == {
        "name": [{"value": "Ann"}, {"value": "Bob"}]
    }
    counts = client.get(f"{path}/counts?byField=true")["counts"]
    assert counts["errorsByField"] == {"name": 1, "age": 1}
    assert counts["byField"]["age"] == {"total": 4, "valid": 3, "error": 1, "empty": 1}
    assert client.get(f"{path}/counts?byField=true")["counts"] == counts
    client.post(f"/sheets/{sheet['id']}/records", [{"name": "Dan"}])
    assert client.get(f"{path}/counts?byField=true")["counts"]["byField"]["age"]["empty"] == 2


def test_a_hooks_write_back_completes_its_commit(sqlite_client: Client) -> None:
    """The write-back joins the commit by its id or its event, and nobody is told of it."""
    client = sqlite_client
    sheet = make_sheet(client, settings={"trackChanges": True})
    path = f"/sheets/{sheet['id']}/records"
    made = client.post(path, [ANN])
    record = made["records"][0]["id"]
    commit = client.get(f"/commits/{made['commitId']}")
    assert "completedAt" not in commit
    assert client.get(f"/sheets/{sheet['id']}/commits?completed=false") == [commit]
    body = [{"id": record, "values": {"age": {"value": 32}}}]
    assert client.done("PUT", f"{path}?commitId={made['commitId']}", body)["commitId"] == made["commitId"]
    assert "completedAt" in client.get(f"/commits/{made['commitId']}")
    book = sheet["workbookId"]
    assert [item["id"] for item in client.get(f"/workbooks/{book}/commits?completed=true")] == [made["commitId"]]
    assert errors_of(client("PUT", f"{path}?commitId=us_vr_none", body))[1][0][0] == "commitId"
    assert errors_of(client("PUT", f"{path}?for=us_evt_none", body))[1][0][0] == "for"
    version = client.post("/versions", {"sheetId": sheet["id"]})["versionId"]
    client.post(path, [BOB])
    assert names_of(client.get(f"{path}?sinceCommitId={version}")["records"]) == ["Bob"]
    assert client.post(f"/commits/{version}/replay") == {"success": True}


def test_removed_records_are_gone(sqlite_client: Client) -> None:
    """Those that are named, and no others."""
    client = sqlite_client
    path = f"/sheets/{make_sheet(client)['id']}/records"
    ids = [record["id"] for record in client.post(path, [ANN, BOB, NOBODY])["records"]]
    assert client.done("DELETE", f"{path}?ids={ids[0]}&ids={ids[2]}&ids=us_rc_none") == {"success": True}
    assert names_of(client.get(path)["records"]) == ["Bob"]


def test_cells_that_refer_bring_the_records_along(client: Client) -> None:
    """Only when they are asked for: an extra key in a cell would look like a change."""
    reference = {"key": "city", "type": "reference", "config": {"ref": "cities", "key": "code"}}
    cities = {"name": "Cities", "slug": "cities", "fields": [{"key": "code", "type": "string"}]}
    people = {"name": "People", "slug": "people", "fields": [PEOPLE[0], reference]}
    space = client.post("/spaces", {"name": "Space"})
    book = client.post("/workbooks", {"name": "Book", "spaceId": space["id"], "sheets": [cities, people]})
    towns, folk = (sheet["id"] for sheet in book["sheets"])
    bern = client.post(f"/sheets/{towns}/records", [{"code": "BE"}, {"code": "ZH"}])["records"][0]
    client.post(
        f"/sheets/{folk}/records", [{"name": "Ann", "city": "BE"}, {"name": "Bob", "city": "??"}, {"name": "Cleo"}]
    )
    plain = client.get(f"/sheets/{folk}/records")["records"]
    assert all("links" not in record["values"]["city"] for record in plain)
    linked = client.get(f"/sheets/{folk}/records?includeLinks=true")["records"]
    assert [record["values"]["city"]["links"] for record in linked] == [[bern], [], []]
    assert [record["values"]["name"] for record in linked] == [record["values"]["name"] for record in plain]
    lines = client.raw("GET", f"/v2-alpha/records.jsonl?sheetId={folk}&includeLinks=true").text.splitlines()
    assert [json.loads(line)["__l"] for line in lines] == [[{"__k": bern["id"], "code": "BE"}], [], []]


def test_an_event_selects_what_its_job_or_its_commit_is_about(sqlite_client: Client) -> None:
    """A listener reads the data of its event by ``for``; parameters of its own come before those of the job's selection."""
    client = sqlite_client
    sheet = make_sheet(client)
    path = f"/sheets/{sheet['id']}/records"
    client.post(path, [ANN, BOB, NOBODY])
    query = {"filter": "valid", "sortField": "age", "sortDirection": "desc", "for": "us_evt_itself"}
    subject = {"type": "collection", "resource": "records", "query": query}
    job = {"type": "sheet", "operation": "tidy", "source": sheet["id"], "trigger": "immediate", "subject": subject}
    client.post("/jobs", job)
    hand_out_later(client.door.happenings, client.clock)
    events = {event["topic"]: event for event in client.get("/events?pageSize=100")}
    ready, commit = events["job:ready"]["id"], events["commit:created"]["id"]
    assert names_of(client.get(f"{path}?for={ready}")["records"]) == ["Bob", "Ann"]
    assert names_of(client.get(f"{path}?for={ready}&filter=error")["records"]) == [None]
    assert names_of(client.get(f"{path}?for={commit}&sortField=name")["records"]) == ["Ann", "Bob", None]
    assert client.get("/" + events["job:ready"]["dataUrl"].removeprefix("v1/"))["records"]
    record = client.get(path)["records"][0]
    change = [{"id": record["id"], "values": {"age": {"value": 1}}}]
    assert (
        client.done("PUT", f"{path}?for={commit}", change)["commitId"]
        == events["commit:created"]["context"]["commitId"]
    )
    client.done("PUT", f"{path}?for={ready}", [{"id": record["id"], "values": {"age": {"value": 2}}}])
    hand_out_later(client.door.happenings, client.clock)
    told = [event["topic"] for event in client.get("/events?pageSize=100")]
    assert told.count("commit:created") == 1
