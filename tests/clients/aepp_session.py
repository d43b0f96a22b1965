"""What a person does with Adobe's own Python client, from nothing to a re-triggered run; prints what it found as one JSON object.

Run as a program of its own: the client configures itself in module globals, prints, and imports pandas. Only the two overrides that the contract
names are made (its addresses); no HTTP is patched.
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import aepp
from aepp import catalog, dataaccess, dataprep, flowservice, schema

from waiting import until

ASKED = json.loads(sys.argv[1])
BASE, FOLDER = ASKED["base"], Path(ASKED["folder"])
LOCAL_FILES = "6f0b0c1e-2f5c-4b7e-9d55-0a1a5f3c7e01"
FLOWS = 12
TIMES = {"startTime": "1663735590", "windowStartTime": "0", "windowEndTime": "16515859567"}


def configured() -> Any:
    """Return the client's configuration, pointed at the server."""
    settings = aepp.configure(
        org_id=ASKED["org"],
        client_id=ASKED["id"],
        secret=ASKED["secret"],
        scopes="openid,AdobeID,read_organizations",
        sandbox="prod",
        connectInstance=True,
    )
    aepp.config.endpoints["global"] = BASE
    settings.getConfigObject()["oauthTokenEndpointV2"] = BASE + "/ims/token/v3"
    return settings


def ended(flows: Any, run: str) -> dict[str, Any]:
    """Return the run once it has ended."""

    def final() -> dict[str, Any] | None:
        found: dict[str, Any] = flows.getRun(run)[0]
        return found if found["metrics"]["statusSummary"]["status"] in {"success", "failed", "cancelled"} else None

    return until(final, seconds=60, what=f"the end of run {run}", every=0.1)


def defined(settings: Any, flows: Any) -> dict[str, Any]:
    """Make everything that a flow is made of, with each service's own module."""
    registry, datasets, mappings = schema.Schema(settings), catalog.Catalog(settings), dataprep.DataPrep(settings)
    made = registry.createSchema(
        {
            "type": "object",
            "title": "Customers",
            "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}],
            "properties": {"points": {"type": "integer"}},
            "required": ["_id", "points"],
        }
    )
    dataset = datasets.createDataSet(name="Customers", schemaId=made["$id"])[0].rpartition("/")[2]
    mapping = mappings.createMappingSet(
        schemaId=made["$id"],
        mappingList=[
            {"sourceType": "ATTRIBUTE", "source": "id", "destination": "_id"},
            {"sourceType": "ATTRIBUTE", "source": "first", "destination": "person.name.firstName"},
            {"sourceType": "ATTRIBUTE", "source": "points", "destination": "points"},
        ],
        validate=True,
    )
    connection = flows.createConnection(
        data={
            "name": "Files",
            "auth": {"specName": "Directory", "params": {"rootPath": str(FOLDER)}},
            "connectionSpec": {"id": LOCAL_FILES, "version": "1.0"},
        }
    )
    source = flows.createSourceConnection(
        {
            "name": "Customers",
            "baseConnectionId": connection["id"],
            "connectionSpec": {"id": LOCAL_FILES, "version": "1.0"},
            "data": {"format": "delimited"},
            "params": {"path": "customers.csv", "type": "file"},
        }
    )
    target = flows.createTargetConnectionDataLake(name="Lake", datasetId=dataset, schemaId=made["$id"])
    return {
        "schema": made,
        "dataset": dataset,
        "mapping": mapping,
        "connection": connection,
        "source": source,
        "target": target,
    }


def flow_of(parts: dict[str, Any], spec: str, name: str) -> dict[str, Any]:
    """Return the body of a flow that runs on demand and keeps its rejects."""
    return {
        "name": name,
        "flowSpec": {"id": spec, "version": "1.0"},
        "sourceConnectionIds": [parts["source"]["id"]],
        "targetConnectionIds": [parts["target"]["id"]],
        "transformations": [{"name": "Mapping", "params": {"mappingId": parts["mapping"]["id"], "mappingVersion": 0}}],
        "scheduleParams": {"startTime": "4102444800", "frequency": "once"},
        "options": {"errorDiagnosticsEnabled": True},
    }


def session() -> dict[str, Any]:
    """Go all the way; return what was found on it."""
    settings = configured()
    flows = flowservice.FlowService(settings)
    parts = defined(settings, flows)
    found: dict[str, Any] = {
        "specs": flows.getConnectionSpecsMap(),
        "test": flows.connectionTest(parts["connection"]["id"]),
    }
    spec = flows.getFlowSpecIdFromNames("CloudStorageToAEP")
    made = [flows.createFlow(spec, obj=flow_of(parts, spec, f"Flow {n:02}")) for n in range(FLOWS)]
    pages = flows.getFlows(limit=5, n_results="inf")
    found["flows"] = {"made": sorted(one["id"] for one in made), "listed": sorted(one["id"] for one in pages)}
    flow = flows.getFlow(made[0]["id"])
    found["stale"] = flows.updateFlow(
        flow["id"], '"00000000-0000-0200-0000-000000000000"', [{"op": "Replace", "path": "/name", "value": "X"}]
    )
    first = flows.createRun(flow["id"], params=TIMES)
    failed = ended(flows, first["id"])
    found["failed"] = failed
    batch = failed["activities"][1]["targetInfo"][0]["reference"]["ids"][0]
    access = dataaccess.DataAccess(settings)
    found["meta"] = access.getBatchMeta(batchId=batch, path="row_error_samples.json")
    found["failed_batches"] = len(catalog.Catalog(settings).getFailedBatchesDF())
    found["failed_runs"] = [
        one["id"] for one in flows.getRuns(prop=["flowId==" + flow["id"], "metrics.statusSummary.status==failed"])
    ]
    (FOLDER / "customers.csv").write_text("changed,after,the,copy\n")
    found["updated"] = flows.updateFlow(
        flow["id"], flow["etag"], [{"op": "Add", "path": "/options/partialIngestionPercent", "value": 50}]
    )
    retried = flows.connector.postData(f"{flows.endpoint}/runs/{first['id']}/action?op=re-trigger")
    found["retried"] = ended(flows, retried["id"])
    found["runs"] = sorted(one["id"] for one in flows.getRuns(limit=1, n_results="inf", prop=["flowId==" + flow["id"]]))
    found["manager"] = json.loads(str(flowservice.FlowManager(flow["id"], settings)))
    found["deleted"] = flows.deleteFlow(made[-1]["id"])
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        everything = session()
    sys.stdout.write(json.dumps(everything))
