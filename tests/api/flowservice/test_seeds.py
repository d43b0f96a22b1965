"""The three tutorials of the Flow Service API, made with ``curl`` as they are printed; only host and ids differ.

The request of the on-demand tutorial lacks a backslash before ``-d`` in print; without it a shell would end the command there.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.flowservice.conftest import HEADERS, HTTP, POSTGRE_SQL, TABLE_FLOW, flow_body, make_ends, target_body
from api.flowservice.house import Installation, installation
from headrace.store.database import Database

CREATE_FROM_FILES = """curl -X POST \\
  'https://platform.adobe.io/data/foundation/flowservice/runs' \\
  -H 'Authorization: Bearer {ACCESS_TOKEN}' \\
  -H 'x-api-key: {API_KEY}' \\
  -H 'x-gw-ims-org-id: {ORG_ID}' \\
  -H 'x-sandbox-name: {SANDBOX_NAME}' \\
  -H 'Content-Type: application/json' \\
  -d '{
      "flowId": "%s",
      "params": {
          "startTime": "1663735590",
          "windowStartTime": "%s",
          "windowEndTime": "16515859567"
      }
  }'"""
CREATE_FROM_TABLE = CREATE_FROM_FILES.replace(
    '"16515859567"\n',
    '"16515859567",\n          "deltaColumn": {\n              "name": "DOB"\n          }\n',
)
MONITOR = """curl -X GET \\
    'https://platform.adobe.io/data/foundation/flowservice/runs?property=flowId==%s' \\
    -H 'Authorization: Bearer {ACCESS_TOKEN}' \\
    -H 'x-api-key: {API_KEY}' \\
    -H 'x-gw-ims-org-id: {IMS_ORG}' \\
    -H 'x-sandbox-name: {SANDBOX_NAME}'"""
RETRY = """curl -X POST \\
  'https://platform.adobe.io/data/foundation/flowservice/runs/%s/action?op=re-trigger' \\
  -H 'Authorization: Bearer {ACCESS_TOKEN}' \\
  -H 'x-api-key: {API_KEY}' \\
  -H 'x-gw-ims-org-id: {ORG_ID}' \\
  -H 'x-sandbox-name: {SANDBOX_NAME}' \\
  -H 'Content-Type: application/json'"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Return an installation with a file of 100 leads, one of which has a negative age."""
    with installation(tmp_path_factory.mktemp("house")) as made:
        rows = [f"{n},Lead{n}@Example.org,{-5 if n == 42 else 20 + n % 50}" for n in range(1, 101)]
        (made.client.files / "leads.csv").write_text("Id,Email,Age\n" + "\n".join(rows) + "\n")
        yield made


def first_window(house: Installation, flow: str) -> None:
    """Wait until the flow's own run has ended."""
    runs = house.client("GET", f"/runs?property=flowId=={flow}").json()["items"]
    house.ended(runs[0]["id"])


def schemas_of(body: Any) -> Any:
    """Return the names of ``body`` with the types of their values, for comparing shapes."""
    if isinstance(body, dict):
        return {name: schemas_of(value) for name, value in body.items()}
    return [schemas_of(body[0])] if isinstance(body, list) and body else type(body).__name__


def test_a_file_flow_is_run_on_demand_watched_and_its_rejects_read(house: Installation) -> None:
    """Seeds 001 and 003: the run is made, is listed with its figures, and its links lead to the rejected row."""
    options = {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 5}
    flow = house.client.make("/flows", flow_body(make_ends(house.client), options=options))
    first_window(house, flow)
    status, headers, made = house.curl(CREATE_FROM_FILES % (flow, "1651584991"))
    assert (status, headers["content-type"]) == (201, "application/json")
    house.ended(made["items"][0]["id"])
    status, _, listed = house.curl(MONITOR % flow)
    run = next(item for item in listed["items"] if item["id"] == made["items"][0]["id"])
    assert (status, listed["_links"]) == (200, {})
    assert run["metrics"]["recordSummary"] == {
        "inputRecordCount": 100,
        "createdRecordCount": 99,
        "outputRecordCount": 99,
        "failedRecordCount": 1,
        "failedInfo": [
            {
                "code": "DCVS-1111-400",
                "message": "A value is not among those that its field allows.",
                "count": 1,
                "type": "Error",
            }
        ],
    }
    copy, promotion = run["activities"]
    assert [copy["id"], promotion["id"]] == ["copyActivity", "promotionActivity"]
    assert copy["durationSummary"]["extensions"] == {"windowStart": 1651584991000, "windowEnd": 16515859567000}
    assert run["metrics"]["statusSummary"]["errors"][0]["code"] == "CONNECTOR-2001-500"
    manifest = promotion["statusSummary"]["extensions"]["manifest"]
    listing = HTTP.get(manifest["failedRecords"], headers=HEADERS).json()
    assert listing["_page"]["count"] == 1
    entry = listing["data"][0]
    assert entry["name"] == "conversion_errors_0.json"
    assert entry["_links"]["self"]["href"].endswith("meta?path=row_errors%2Fconversion_errors_0.json")
    rows = HTTP.get(entry["_links"]["self"]["href"], headers=HEADERS)
    row = json.loads(rows.text)
    assert rows.headers["content-type"] == "application/x-ndjson"
    assert (row["Id"], row["Age"], row["_filename"]) == ("42", "-5", "leads.csv")
    assert [(one["code"], one["column"]) for one in row["_errors"]] == [("DCVS-1111-400", "age")]
    assert HTTP.get(manifest["sampleErrors"], headers=HEADERS).json() == [row]
    assert HTTP.get(promotion["fileSummary"]["extensions"]["manifest"]["fileInfo"], headers=HEADERS).json()["data"]


def test_a_failed_run_is_retried_without_reading_its_source_again(house: Installation) -> None:
    """Seed 000: after the mapping is corrected, re-trigger makes a new run that reuses what was copied."""
    client = house.client
    ends = make_ends(client)
    flow = client.make("/flows", flow_body(ends))
    runs = client("GET", f"/runs?property=flowId=={flow}").json()["items"]
    failed = house.ended(runs[0]["id"])
    assert failed["metrics"]["statusSummary"]["status"] == "failed"
    counts = failed["metrics"]["recordSummary"]
    assert (counts["outputRecordCount"], counts["failedRecordCount"], counts["skippedRecordCount"]) == (0, 1, 99)
    batch = _batch(failed)
    _check_jail(house, batch)
    shown = client("GET", f"/data/foundation/catalog/batches/{batch}").json()[batch]
    assert (shown["status"], shown["relatedObjects"]) == ("failed", [{"type": "dataSet", "id": ends["dataset"]}])
    names = client("GET", f"/data/foundation/export/batches/{batch}/failed").json()["data"]
    assert [one["name"] for one in names] == ["_SUCCESS", "leads.csv"]

    etag = client.one(f"/flows/{flow}")["etag"]
    patch = [{"op": "add", "path": "/options", "value": {"partialIngestionPercent": 5}}]
    assert client("PATCH", f"/flows/{flow}", patch, if_match=etag).status_code == 200
    source = client.files / "leads.csv"
    kept = source.read_text()
    source.unlink()
    status, _, answer = house.curl(RETRY % failed["id"])
    assert status == 200
    assert schemas_of(answer) == {"id": "str", "etag": "str"}
    retried = house.ended(answer["id"])
    source.write_text(kept)
    assert retried["metrics"]["recordSummary"]["outputRecordCount"] == 99
    assert retried["parentFlowRunId"] == failed["id"]
    extensions = retried["activities"][0]["statusSummary"]["extensions"]
    assert extensions == {"type": "retry", "reusedFromFlowRunId": failed["id"]}
    assert client.one(f"/runs/{failed['id']}")["childFlowRunIds"] == [answer["id"]]
    refused = client("POST", f"/runs/{answer['id']}/action?op=re-trigger").json()
    assert refused["type"].endswith("FLOW-1387-400")


@pytest.mark.postgres
def test_a_table_flow_is_run_on_demand(house: Installation, postgres_url: str, postgres_database: Database) -> None:
    """Seed 001: the first run brings the delta column, and the rows of its window arrive."""
    with postgres_database.transaction() as tx:
        tx.connection.exec_driver_sql(
            'CREATE TABLE public.people ("Id" text, "Email" text, "Age" integer, "DOB" timestamptz)'
        )
        tx.connection.exec_driver_sql(
            "INSERT INTO public.people SELECT n::text, 'a@b.org', n, '2022-06-01'::timestamptz + n * interval '1 day' FROM generate_series(0, 9) n"
        )
    client = house.client
    ends = make_ends(client)
    url = postgres_database.engine.url
    text = f"Server={url.host};Port={url.port};Database={url.database};UID={url.username};Password={url.password or ''}"
    auth = {"specName": "Connection String Based Authentication", "params": {"connectionString": text}}
    spec = {"id": POSTGRE_SQL, "version": "1.0"}
    base = client.make("/connections", {"name": "crm", "auth": auth, "connectionSpec": spec})
    assert client("GET", f"/connections/{base}/test").json() == {"result": True}
    source = client.make(
        "/sourceConnections",
        {
            "name": "people",
            "baseConnectionId": base,
            "connectionSpec": spec,
            "data": {"format": "tabular"},
            "params": {"tableName": "public.people"},
        },
    )
    target = client.make("/targetConnections", target_body(ends["schema"], ends["dataset"]))
    body = flow_body({**ends, "source": source, "target": target}, flowSpec={"id": TABLE_FLOW, "version": "1.0"})
    flow = client.make("/flows", body)
    first_window(house, flow)
    status, _, made = house.curl(CREATE_FROM_TABLE % (flow, "1654387200"))
    assert status == 201
    run = house.ended(made["items"][0]["id"])
    assert run["metrics"]["statusSummary"]["status"] == "success", run
    assert run["metrics"]["recordSummary"]["outputRecordCount"] == 6
    assert postgres_url


def test_a_window_without_files_is_a_success_without_a_batch(house: Installation) -> None:
    """All counts are 0, only the copy is listed; such a run may be retried."""
    client = house.client
    flow = client.make("/flows", flow_body(make_ends(client)))
    first_window(house, flow)
    _, _, made = house.curl(CREATE_FROM_FILES % (flow, "16515859000"))
    run = house.ended(made["id"])
    assert run["metrics"]["statusSummary"] == {"status": "success", "activityRefs": ["copyActivity"]}
    assert set(run["metrics"]["recordSummary"].values()) == {0}
    assert [activity["id"] for activity in run["activities"]] == ["copyActivity"]
    status, _, answer = house.curl(RETRY % made["id"])
    assert status == 200
    assert house.ended(answer["id"])["metrics"]["statusSummary"]["status"] == "success"


def test_a_missing_file_fails_the_copy_and_says_so(house: Installation) -> None:
    """The minimal form of a failed run, with its cause; after the file has come, a retry copies it."""
    client = house.client
    ends = make_ends(client)
    named = client.one(f"/sourceConnections/{ends['source']}")
    body = {name: named[name] for name in ("name", "baseConnectionId", "connectionSpec", "data")}
    source = client.make("/sourceConnections", {**body, "params": {"path": "late.csv", "type": "file"}})
    flow = client.make("/flows", flow_body({**ends, "source": source}))
    runs = client("GET", f"/runs?property=flowId=={flow}").json()["items"]
    failed = house.ended(runs[0]["id"])
    metrics = failed["metrics"]
    assert metrics["statusSummary"]["errors"][0]["code"] == "CONNECTOR-1001-500"
    assert (metrics["sizeSummary"], metrics["recordSummary"]) == ({"inputBytes": -1}, {})
    causes = failed["activities"][0]["statusSummary"]["extensions"]["errors"]
    assert [cause["code"] for cause in causes] == ["SRC-1003-404"]
    (client.files / "late.csv").write_text("Id,Email,Age\n1,a@b.org,30\n")
    _, _, answer = house.curl(RETRY % failed["id"])
    retried = house.ended(answer["id"])
    assert retried["metrics"]["recordSummary"]["outputRecordCount"] == 1
    found = client("GET", "/runs?property=metrics.statusSummary.status==failed").json()["items"]
    assert failed["id"] in [run["id"] for run in found]
    files = client("GET", f"/data/foundation/export/batches/{_batch(retried)}/files").json()["data"]
    parts = HTTP.get(files[0]["_links"]["self"]["href"], headers=HEADERS).json()["data"]
    part = HTTP.get(parts[0]["_links"]["self"]["href"], headers={**HEADERS, "range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"PAR1")


def _check_jail(house: Installation, batch: str) -> None:
    """Another organisation sees nothing of the batch, and no path leads out of it."""
    export = f"/data/foundation/export/batches/{batch}"
    paths = [f"{export}/meta", f"{export}/meta?path=row_errors", f"{export}/failed", f"{export}/files"]
    paths += [f"/data/foundation/catalog/batches/{batch}", f"/data/foundation/export/files/{batch}-1"]
    stranger = {"x_gw_ims_org_id": "other@AdobeOrg"}
    assert {path: house.client("GET", path, **stranger).status_code for path in paths} == dict.fromkeys(paths, 404)
    odd = [
        "../../ledger.db",
        "row_errors/../../../ledger.db",
        "/etc/passwd",
        "row_errors%2F..%2F..",
        "%00",
        "input_files/x",
    ]
    assert {path: house.client("GET", f"{export}/meta?path={path}").status_code for path in odd} == dict.fromkeys(
        odd, 404
    )
    assert house.client("GET", f"{export}/failed?path=../leads.csv").status_code == 404


def _batch(run: dict[str, Any]) -> str:
    """Return the id of a run's batch."""
    return str(run["activities"][1]["targetInfo"][0]["reference"]["ids"][0])
