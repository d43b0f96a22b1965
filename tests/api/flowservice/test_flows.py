"""Flows: every refusal of making and changing one, drafts, actions, and what follows from a change."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.flowservice.conftest import FILE_FLOW, TABLE_FLOW, Client, flow_body, make_ends, run_body
from api.flowservice.test_runs import make_table_flow, number
from headrace.core.clock import SECOND
from headrace.store import runs
from headrace.store.database import Database

NOBODY = "3abea21c-7e36-4be1-bec1-d3bad0e3e0de"


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return ``body`` without some fields."""
    return {name: value for name, value in body.items() if name not in names}


def patch(client: Client, flow: str, *operations: tuple[str, str, Any]) -> Any:
    """Return the answer to a patch with the newest etag."""
    body = [{"op": op, "path": path, "value": value} for op, path, value in operations]
    return client("PATCH", f"/flows/{flow}", body, if_match=client.one(f"/flows/{flow}")["etag"])


def test_every_check_of_a_new_flow_has_its_number(client: Client) -> None:
    """Contract 4.2, row by row: what is wrong, and the number that says so."""
    ends = make_ends(client)
    body = flow_body(ends)
    mapping = {"mappingId": ends["mapping"], "mappingVersion": "0"}
    recurring = {"startTime": "1597784298", "frequency": "minute", "interval": "15"}

    def scheduled(**params: Any) -> dict[str, Any]:
        return {**body, "scheduleParams": params}

    def transformed(*transformations: Any) -> dict[str, Any]:
        return {**body, "transformations": list(transformations)}

    cases = {
        "1410-400": [{**body, "state": "enabled"}],
        "1304-400": [
            without(body, "name"),
            {**body, "name": " "},
            scheduled(frequency="once"),
            scheduled(startTime=5),
            scheduled(startTime=5, frequency="day"),
        ],
        "1413-400": [
            without(body, "flowSpec"),
            {**body, "flowSpec": {"id": "x"}},
            {**body, "flowSpec": {"id": TABLE_FLOW}},
        ],
        "1320-400": [without(body, "sourceConnectionIds"), {**body, "targetConnectionIds": []}],
        "1321-400": [{**body, "sourceConnectionIds": [ends["source"]] * 2}],
        "1338-400": [{**body, "sourceConnectionIds": [None]}, {**body, "targetConnectionIds": [""]}],
        "1439-404": [{**body, "sourceConnectionIds": [NOBODY]}, {**body, "targetConnectionIds": [NOBODY]}],
        "1317-400": [without(body, "scheduleParams"), scheduled()],
        "1397-400": [scheduled(startTime=5, frequency="yearly")],
        "1340-400": [scheduled(startTime="soon", frequency="once")],
        "1361-400": [scheduled(startTime=5, frequency="once", interval=5)],
        "1364-400": [scheduled(startTime=5, frequency="once", backfill="true")],
        "1312-400": [
            scheduled(**recurring | {"interval": "1.5"}),
            {**body, "options": {"partialIngestionPercent": 0}},
            {**body, "options": {"partialIngestionPercent": 100.5}},
            {**body, "options": {"errorDiagnosticsEnabled": "perhaps"}},
            {**body, "options": []},
            {**body, "labels": "x"},
            {**body, "policy": []},
            {**body, "description": 5},
        ],
        "1362-400": [
            scheduled(**recurring | {"interval": 14}),
            scheduled(**recurring | {"frequency": "day", "interval": 0}),
        ],
        "1392-400": [
            {**body, "transformations": {}},
            transformed("x"),
            transformed({"name": "Mapping"}),
            transformed({"name": "Magic", "params": {}}),
        ],
        "1370-400": [without(body, "transformations"), transformed()],
        "1329-400": [transformed({"name": "Mapping", "params": {"mappingId": ""}})],
        "1412-400": [transformed({"name": "Mapping", "params": {**mapping, "mappingVersion": "7"}})],
        "1419-400": [transformed({"name": "Mapping", "params": {"mappingId": "0" * 32}})],
        "1368-400": [
            transformed({"name": "Mapping", "params": mapping}, {"name": "Copy", "params": {"mode": "append"}})
        ],
        "1369-400": [
            transformed(
                {"name": "Mapping", "params": mapping}, {"name": "Copy", "params": {"deltaColumn": {"name": "d"}}}
            )
        ],
        "1431-400": [{**body, "policy": {"enforcementRefs": [], "fields": []}}],
    }
    found = {code: [number(client("POST", "/flows", wrong)) for wrong in wrongs] for code, wrongs in cases.items()}
    assert found == {code: [code] * len(wrongs) for code, wrongs in cases.items()}
    assert number(client("POST", "/flows?mode=final", body)) == "1312-400"
    assert number(client("POST", "/flows?color=red", body)) == "1451-400"
    for collection in ("connections", "sourceConnections", "targetConnections", "connectionSpecs", "flowSpecs"):
        assert number(client("GET", f"/{collection}/unknown?color=red")) == "1451-400"
    assert client("GET", "/flows?count=true").json() == {"count": 0}


def test_a_recurring_flow_of_a_table_needs_its_delta_column(client: Client) -> None:
    """Contract 4.5: without it nothing would tell new rows from old ones."""
    flow = client.one(f"/flows/{make_table_flow(client)}")
    body = {
        name: flow[name]
        for name in ("name", "flowSpec", "sourceConnectionIds", "targetConnectionIds", "transformations")
    }
    body["scheduleParams"] = {"startTime": 5, "frequency": "day", "interval": 1}
    assert number(client("POST", "/flows", body)) == "1367-400"
    copy = {"name": "Copy", "params": {"deltaColumn": {"name": "updated_at"}}}
    assert client("POST", "/flows", {**body, "transformations": [copy, *body["transformations"]]}).status_code == 201


def test_a_draft_becomes_a_flow(client: Client) -> None:
    """Contract 4.8: a name and a spec are enough; the rest is added, published, and only then it runs."""
    ends = make_ends(client)
    body = flow_body(ends)
    draft = client.make("/flows?mode=draft", {"name": "Leads", "flowSpec": body["flowSpec"]})
    shown = client.one(f"/flows/{draft}")
    assert (shown["state"], "sourceConnections" in shown["inheritedAttributes"]) == ("draft", False)
    assert number(client("POST", f"/flows/{draft}/action?op=publish")) == "1320-400"
    assert number(client("POST", f"/flows/{draft}/action?op=enable")) == "1422-400"
    assert number(client("POST", "/runs", run_body(draft))) == "1380-400"
    assert number(patch(client, draft, ("add", "/sourceConnectionIds", [NOBODY]))) == "1439-404"
    assert number(patch(client, draft, ("replace", "/state", "enabled"))) == "1422-400"
    names = ("sourceConnectionIds", "targetConnectionIds", "transformations", "scheduleParams")
    added = patch(client, draft, *(("add", f"/{name}", body[name]) for name in names))
    assert added.status_code == 200, added.text
    assert client("GET", f"/flows/{draft}/runs").json()["items"] == []
    published = client("POST", f"/flows/{draft}/action?op=PUBLISH")
    assert published.status_code == 200, published.text
    assert client.one(f"/flows/{draft}")["state"] == "enabled"
    assert len(client("GET", f"/flows/{draft}/runs").json()["items"]) == 1
    assert number(client("POST", f"/flows/{draft}/action?op=publish")) == "1422-400"


def test_a_draft_is_dropped(client: Client) -> None:
    """And it needs its name and its spec, and ids that exist."""
    spec = {"id": FILE_FLOW, "version": "1.0"}
    wrongs = [{"flowSpec": spec}, {"name": "x"}, {"name": "x", "flowSpec": spec, "targetConnectionIds": [NOBODY]}]
    assert [number(client("POST", "/flows?mode=draft", wrong)) for wrong in wrongs] == [
        "1304-400",
        "1413-400",
        "1439-404",
    ]
    draft = client.make("/flows?mode=DRAFT", {"name": "x", "flowSpec": spec})
    assert client("DELETE", f"/flows/{draft}").status_code == 204
    assert client("GET", f"/flows/{draft}").status_code == 404


def test_what_a_patch_may_not_do_has_its_number(client: Client) -> None:
    """Contract 2.4 and 4.7: read-only paths, missing fields, a start that has passed, states."""
    ends = make_ends(client)
    once = client.make("/flows", flow_body(ends))
    later = 2_000_000_000
    waiting = client.make(
        "/flows", flow_body(ends, scheduleParams={"startTime": later, "frequency": "day", "interval": 1})
    )
    passed = client.make("/flows", flow_body(ends, scheduleParams={"startTime": 5, "frequency": "day", "interval": 1}))
    cases: list[tuple[str, str, tuple[str, str, Any]]] = [
        ("1365-400", once, ("replace", "/flowSpec/id", "x")),
        ("1365-400", once, ("replace", "/sourceConnectionIds", [])),
        ("1365-400", once, ("replace", "/id", "x")),
        ("1365-400", once, ("remove", "/name", None)),
        ("1434-400", once, ("move", "/name", "x")),
        ("1455-400", once, ("replace", "/options/nosuch", 1)),
        ("1304-400", once, ("replace", "/name", "")),
        ("1456-400", once, ("replace", "/state", "draft")),
        ("1431-400", once, ("add", "/policy", {"fields": []})),
        ("1366-400", once, ("replace", "/scheduleParams/startTime", later)),
        ("1366-400", once, ("add", "/scheduleParams/interval", 5)),
        ("1366-400", passed, ("replace", "/scheduleParams/startTime", later)),
        ("1403-400", passed, ("replace", "/scheduleParams", {"startTime": 5, "frequency": "once"})),
        ("1404-400", passed, ("add", "/scheduleParams/backfill", "false")),
        ("1362-400", passed, ("replace", "/scheduleParams/interval", 0)),
        ("1340-400", waiting, ("replace", "/scheduleParams/startTime", "soon")),
        ("1419-400", waiting, ("replace", "/transformations/0/params/mappingId", "0" * 32)),
    ]
    assert [number(patch(client, flow, operation)) for _, flow, operation in cases] == [code for code, _, _ in cases]
    etag = client.one(f"/flows/{once}")["etag"]
    change = [{"op": "replace", "path": "/name", "value": "n"}]
    assert number(client("PATCH", f"/flows/{once}", change)) == "1403-400"
    assert number(client("PATCH", f"/flows/{once}", [], if_match=etag)) == "1405-400"
    assert number(client("PATCH", f"/flows/{once}", change, if_match='"other"')) == "1404-412"
    assert client("PATCH", f"/flows/{once}?if-match={etag.strip(chr(34))}", change).status_code == 200
    assert client("PATCH", f"/flows/{once}", change, if_match="*").status_code == 200


def test_a_patch_is_told_as_the_last_operation(client: Client) -> None:
    """What may be changed is changed, all at once, and the flow says what was done last."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    before = client.one(f"/flows/{flow}")
    assert (before["lastOperation"]["operation"], before["lastOperation"]["ops"]) == ("create", [])
    client.clock.advance(SECOND)
    answer = patch(
        client,
        flow,
        ("REPLACE", "/name", "People"),
        ("add", "/labels", ["core/C1"]),
        ("add", "/policy", {"enforcementRefs": ["p"]}),
        ("add", "/options", {"partialIngestionPercent": "15"}),
        ("replace", "/state", "initializing"),
    )
    after = client.one(f"/flows/{flow}")
    assert answer.json() == {"id": flow, "etag": after["etag"]}
    assert (after["name"], after["state"], after["labels"]) == ("People", "disabled", ["core/C1"])
    assert (after["policy"], after["options"]) == ({"enforcementRefs": ["p"]}, {"partialIngestionPercent": "15"})
    assert after["lastOperation"]["operation"] == "update"
    assert after["lastOperation"]["ops"][0] == {"op": "replace", "path": "/name", "value": "People"}
    assert after["updatedAt"] == before["updatedAt"] + 1000


def test_actions_have_their_numbers(client: Client) -> None:
    """Contract 3.6, row by row."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    cases: list[tuple[str, Any, str]] = [
        ("", None, "1359-400"),
        ("?op=", None, "1334-400"),
        ("?op=explode", None, "1398-400"),
        ("?op=enable&color=red", None, "1451-400"),
        ("?op=enable&subOp=SING", None, "1435-400"),
        ("?op=enable&subOp=progress", None, "1436-400"),
        ("?op=publish&subOp=PROGRESS&subOp=APPLY", None, "1406-400"),
        ("?op=publish&subOp=PROGRESS", {"status": {"value": "FAILED"}}, "1407-400"),
        ("?op=enable", {"status": {"value": "DANCING"}}, "1437-400"),
        ("?op=enable", {"status": {"value": "completed"}, "percentCompleted": 50}, "1408-400"),
        ("?op=enable", {"percentCompleted": "many"}, "1312-400"),
        ("?op=enable", [], "1000-400"),
        ("?op=FINALIZE", None, "1402-400"),
        ("?op=finalize-update", None, "1402-400"),
        ("?op=publish", None, "1422-400"),
    ]
    found = [number(client("POST", f"/flows/{flow}/action{query}", body)) for query, body, _ in cases]
    assert found == [code for _, _, code in cases]
    service = client("POST", f"/flows/{flow}/action?op=finalize", authorization="Bearer service")
    assert number(service) == "1409-400"
    body = {"percentCompleted": 100, "status": {"value": "partial-success"}, "recordTypes": []}
    assert client("POST", f"/flows/{flow}/action?op=Enable&subOp=apply", body).status_code == 200
    assert number(client("POST", f"/flows/{flow}/action?op=disable", if_match='"old"')) == "1404-412"


def test_a_run_that_waits_takes_the_mapping_that_its_flow_has_when_it_starts(
    client: Client, sqlite_database: Database
) -> None:
    """Contract 4.4: later changes affect later runs only, and a run that has not begun is a later one."""
    ends = make_ends(client)
    flow = client.make("/flows", flow_body(ends))
    run = client.make("/runs", run_body(flow, startTime=16_515_859_567))
    mapping = client("GET", f"/data/foundation/conversion/mappingSets/{ends['mapping']}").json()
    mappings = [{name: one[name] for name in ("sourceType", "source", "destination")} for one in mapping["mappings"]]
    mappings[1]["source"] = "upper(Email)"
    body = {"name": "m", "outputSchema": mapping["outputSchema"], "mappings": mappings}
    changed = client("PUT", f"/data/foundation/conversion/mappingSets/{ends['mapping']}", body)
    assert changed.status_code == 200, changed.text
    assert sources(sqlite_database, run) == ["Id", "lower(Email)", "Age"]
    patched = patch(client, flow, ("replace", "/transformations/0/params/mappingVersion", 1))
    assert patched.status_code == 200, patched.text
    assert sources(sqlite_database, run) == ["Id", "upper(Email)", "Age"]


def sources(database: Database, run: str) -> list[str]:
    """Return the sources of the mapping by which a run promotes."""
    with database.reading() as tx:
        activity = runs.get(tx, None, run).definition.by_name["promotionActivity"]
    mapping: Any = activity.settings["mapping"]
    return [mapping[name] for name in ("_id", "email", "age")]


@pytest.mark.parametrize("how", ["disable", "delete"])
def test_a_flow_that_ends_cancels_what_waits(client: Client, how: str) -> None:
    """And what it has run stays readable, with the flow's own facts."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow))
    before = client.one(f"/runs/{run}")
    if how == "delete":
        assert client("DELETE", f"/flows/{flow}").status_code == 204
    else:
        assert patch(client, flow, ("replace", "/state", "disabled")).status_code == 200
    after = client.one(f"/runs/{run}")
    assert after["metrics"]["statusSummary"]["status"] == "cancelled"
    assert after["flowSpec"] == before["flowSpec"] == {"id": FILE_FLOW, "version": "1.0"}
    assert number(client("POST", "/runs", run_body(flow, startTime=7))) == (
        "1430-400" if how == "delete" else "1380-400"
    )


def test_of_two_changes_of_one_version_one_wins(client: Client) -> None:
    """Two patches with one etag, two publications of one draft: one is done, the other is told that it came late."""
    ends = make_ends(client)
    flow = client.make("/flows", flow_body(ends))
    etag = client.one(f"/flows/{flow}")["etag"]

    def rename(name: str) -> int:
        change = [{"op": "replace", "path": "/name", "value": name}]
        return client("PATCH", f"/flows/{flow}", change, if_match=etag).status_code

    draft = client.make("/flows?mode=draft", flow_body(ends))
    with ThreadPoolExecutor(4) as pool:
        renamed = sorted(pool.map(rename, ["a", "b", "c", "d"]))
        published = sorted(
            pool.map(lambda _: client("POST", f"/flows/{draft}/action?op=publish").status_code, range(4))
        )
    assert renamed == [200, 412, 412, 412]
    assert published[0] == 200
    assert set(published[1:]) <= {400, 412}
    assert len(client("GET", f"/flows/{draft}/runs").json()["items"]) == 1


def test_flows_are_searched(client: Client) -> None:
    """By what the ledger selects, and by what has to be looked at; counted, projected, paged."""
    ends = make_ends(client)
    made = []
    for name in ("c", "a", "b"):
        client.clock.advance(SECOND)
        made.append(client.make("/flows", flow_body(ends, name=name)))

    def search(**body: Any) -> Any:
        return client("POST", "/flows/search", body).json()

    by_end = f"sourceConnectionIds[]=={ends['source']}&property=transformations[].params.mappingId=={ends['mapping']}"
    assert [item["id"] for item in search(queryString=by_end)["items"]] == made[::-1]
    inherited = f"inheritedAttributes.targetConnections[].id=={ends['target']}&inheritedAttributes.properties.isSourceFlow==TRUE"
    assert [item["name"] for item in search(queryString=inherited, orderby="+name")["items"]] == ["a", "b", "c"]
    assert search(queryString="state==Enabled", count=True) == {"count": 3}
    assert search(queryString="name==a,b&lastRunDetails==null", projectionFields="name,flowSpec.id")["items"] == [
        {"id": item["id"], "etag": item["etag"], "name": item["name"], "flowSpec": {"id": FILE_FLOW}}
        for item in (client.one(f"/flows/{subject}") for subject in (made[2], made[1]))
    ]
    first = search(orderby="name", limit=2)
    token = first["_links"]["next"]["href"].split("=")[1]
    second = client("POST", f"/flows/search?continuationToken={token}", {"limit": 2}).json()
    assert [item["name"] for item in first["items"] + second["items"]] == ["a", "b", "c"]
    assert second["_links"] == {}
