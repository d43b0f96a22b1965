"""From a schema with objects in it to rows in the lake, on a real installation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from api.flowservice.conftest import LOCAL_FILES, Client, flow_body, run_body, target_body
from api.flowservice.house import Installation, installation

TEXT = {"type": "string"}
SCHEMA = {
    "type": "object",
    "title": "People",
    "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}],
    "properties": {
        "_acme": {
            "type": "object",
            "properties": {
                "level": {"type": "integer", "minimum": 1},
                "orders": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"sku": {"type": "string"}, "n": {"type": "integer", "meta:xdmType": "int"}},
                        "required": ["sku"],
                    },
                },
            },
        }
    },
    "required": ["_id"],
}
MAPPINGS = [
    {"sourceType": "ATTRIBUTE", "source": "Id", "destination": "_id"},
    {"sourceType": "ATTRIBUTE", "source": "First Name", "destination": "person.name.firstName"},
    {"sourceType": "EXPRESSION", "source": "upper(Last)", "destination": "person.name.lastName"},
    {"sourceType": "ATTRIBUTE", "source": "Level", "destination": "_acme.level"},
    {"sourceType": "ATTRIBUTE", "source": "Sku", "destination": "_acme.orders[0].sku"},
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Return an installation with a delimited file and a file of JSON lines."""
    with installation(tmp_path_factory.mktemp("house")) as made:
        people = "Id,First Name,Last,Level,Sku\n1,Ada,l,1,a\n2,,,,\n3,Bob,b,0,c\n"
        (made.client.files / "people.csv").write_text(people)
        orders = [
            {"_id": "1", "person": {"name": {"firstName": "Ada"}}, "_acme": {"orders": [{"sku": "a", "n": 1}]}},
            {"_id": "2", "_acme": {"orders": [{"sku": "b", "n": "many"}]}},
            {"_id": "3", "_acme": {"orders": [{"n": 1}]}},
        ]
        (made.client.files / "people.json").write_text("\n".join(json.dumps(row) for row in orders))
        yield made


def made_by(client: Client, path: str, body: Any) -> Any:
    """Return what a neighbour service answers to a POST."""
    answer = client("POST", f"/data/foundation/{path}", body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def ends(client: Client, file: str, form: str) -> tuple[dict[str, str], str]:
    """Return the ids of a new dataset with its source and target, and the schema's ``$id``."""
    schema = made_by(client, "schemaregistry/tenant/schemas", SCHEMA)["$id"]
    dataset = made_by(client, "catalog/dataSets", {"name": file, "schemaRef": {"id": schema}})[0]
    auth = {"specName": "Directory", "params": {"rootPath": str(client.files)}}
    spec = {"id": LOCAL_FILES, "version": "1.0"}
    base = client.make("/connections", {"name": file, "auth": auth, "connectionSpec": spec})
    source = {"name": file, "baseConnectionId": base, "connectionSpec": spec, "data": {"format": form}}
    source_id = client.make("/sourceConnections", {**source, "params": {"path": file, "type": "file"}})
    target = client.make("/targetConnections", target_body(schema, dataset.removeprefix("@/dataSets/")))
    return {"source": source_id, "target": target, "dataset": dataset.removeprefix("@/dataSets/")}, schema


def table_of(house: Installation, dataset: str) -> Path:
    """Return the folder of a dataset's table."""
    (log,) = (house.home / "lake").glob(f"**/{dataset}/_delta_log")
    return log.parent


def first_run(house: Installation, flow: str) -> dict[str, Any]:
    """Return the flow's own run once it has ended."""
    return house.ended(house.client("GET", f"/runs?property=flowId=={flow}").json()["items"][0]["id"])


def row_errors(house: Installation, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rejected rows of a run."""
    extensions = run["activities"][1]["statusSummary"]["extensions"]
    path = f"/data/foundation/export/batches/{extensions['batchId']}/meta?path=row_error_samples.json"
    found: list[dict[str, Any]] = house.client("GET", path).json()
    return found


def test_a_mapping_to_objects_ends_in_nested_columns(house: Installation) -> None:
    """Previewed by a process of its own, run, read back by DuckDB and deltalake; the flow keeps its version of the set."""
    made, schema = ends(house.client, "people.csv", "delimited")
    mapping = {"outputSchema": {"schemaRef": {"id": schema}}, "mappings": MAPPINGS}
    row = {"Id": "9", "First Name": "Eve", "Last": "x", "Level": "2", "Sku": None}
    shown = made_by(house.client, "conversion/mappingSets/preview", {"data": row, "mappingSet": mapping})
    assert shown["data"] == {
        "_id": "9",
        "person": {"name": {"firstName": "Eve", "lastName": "X"}},
        "_acme": {"level": 2},
    }
    subject = made_by(house.client, "conversion/mappingSets?validate=True", mapping)["id"]
    options = {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 50}
    flow = house.client.make("/flows", flow_body({**made, "mapping": subject}, options=options))
    run = first_run(house, flow)
    assert run["metrics"]["recordSummary"]["outputRecordCount"] == 2, run
    (reject,) = row_errors(house, run)
    assert [(error["code"], error["column"]) for error in reject["_errors"]] == [("DCVS-1111-400", "_acme.level")]
    other = {**mapping, "mappings": [MAPPINGS[0]]}
    assert house.client("PUT", f"/data/foundation/conversion/mappingSets/{subject}", other).json()["version"] == 1
    again = house.client("POST", "/runs", run_body(flow, windowStartTime="0")).json()["id"]
    assert house.ended(again)["metrics"]["recordSummary"]["outputRecordCount"] == 2
    table = DeltaTable(table_of(house, made["dataset"]))
    files = [uri.removeprefix("file://") for uri in table.file_uris()]
    query = "SELECT _id, person.name.lastName, _acme.orders[1].sku, person IS NULL FROM read_parquet(?) ORDER BY 1"
    with duckdb.connect() as connection:
        found = connection.execute(query, [files]).fetchall()
    assert found == [("1", "L", "a", False)] * 2 + [("2", None, None, True)] * 2
    rows = table.to_pyarrow_table().to_pylist()
    assert {row["person"] and row["person"]["name"]["firstName"] for row in rows} == {"Ada", None}


def test_json_without_a_mapping_lands_by_its_paths(house: Installation) -> None:
    """Wrong types and missing fields in the elements of a list are told by their path, in the dialect's codes."""
    made, _ = ends(house.client, "people.json", "json")
    options = {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 90}
    body = {**flow_body({**made, "mapping": ""}, options=options), "transformations": []}
    run = first_run(house, house.client.make("/flows", body))
    assert run["metrics"]["recordSummary"]["outputRecordCount"] == 1, run
    assert [[(e["code"], e["column"]) for e in row["_errors"]] for row in row_errors(house, run)] == [
        [("DCVS-1104-400", "_acme.orders[].n")],
        [("1555", "_acme.orders[].sku")],
    ]
    (row,) = DeltaTable(table_of(house, made["dataset"])).to_pyarrow_table().to_pylist()
    assert row["_acme"]["orders"] == [{"sku": "a", "n": 1}]
