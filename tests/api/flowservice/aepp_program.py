"""What a person does with the catalog, ingestion, access and schema modules of Adobe's own Python client; prints what it found as one JSON object.

Run as a program of its own: the client configures itself in module globals, prints, and imports pandas. Only its addresses are overridden.
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import aepp
from aepp import catalog, dataaccess, ingestion, schema

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from waiting import until

BASE = sys.argv[1]
FINAL = {"success", "failed", "aborted", "inactive"}


def configured() -> Any:
    """Return the client's configuration, pointed at the server."""
    settings = aepp.configure(
        org_id="acme@AdobeOrg",
        client_id="key",
        secret="any",
        scopes="openid",
        sandbox="prod",
        connectInstance=True,
    )
    aepp.config.endpoints["global"] = BASE
    settings.getConfigObject()["oauthTokenEndpointV2"] = BASE + "/ims/token/v3"
    return settings


def defined(registry: Any) -> dict[str, Any]:
    """Make a schema of a class and a field group, with fields of its own."""
    group = registry.createFieldGroup(
        {
            "type": "object",
            "title": "Loyalty",
            "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
            "definitions": {"custom": {"type": "object", "properties": {"points": {"type": "integer", "minimum": 0}}}},
            "allOf": [{"$ref": "#/definitions/custom"}],
        }
    )
    made = registry.createSchema(
        {
            "type": "object",
            "title": "Members",
            "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}, {"$ref": group["$id"]}],
            "properties": {},
            "required": ["_id"],
        }
    )
    return dict(made)


def uploaded(into: Any, batches: Any, dataset: str, rows: Any, **given: Any) -> dict[str, Any]:
    """Upload rows as the client does, and return the batch when it has ended."""
    batch = into.createBatch(datasetId=dataset, **given)["id"]
    into.uploadSmallFile(batch, dataset, "rows.json", rows)
    into.uploadSmallFileFinish(batch)

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = batches.getBatch(batch)[batch]
        return found if found["status"] in FINAL else None

    return until(ended, seconds=60, what=f"the end of batch {batch}", every=0.1)


def session() -> dict[str, Any]:
    """Go all the way; return what was found on it."""
    settings = configured()
    registry, batches = schema.Schema(settings), catalog.Catalog(settings)
    access, into = dataaccess.DataAccess(settings), ingestion.DataIngestion(settings)
    made = defined(registry)
    renamed = registry.patchSchema(made["$id"], [{"op": "replace", "path": "/title", "value": "Club members"}])
    found: dict[str, Any] = {
        "tenant": registry.getTenantId(),
        "schemas": [one["title"] for one in registry.getSchemas()],
        "full": registry.getSchema(made["$id"], full=True),
        "by_alt_id": registry.getSchema(made["meta:altId"], full=False),
        "renamed": (renamed["title"], renamed["version"]),
        "groups": [one["title"] for one in registry.getFieldGroups()],
        "classes": [one["title"] for one in registry.getClassesGlobal()],
    }
    dataset = batches.createDataSet(name="Members", schemaId=made["$id"])[0].rpartition("/")[2]
    found["datasets"] = batches.getDataSets()[dataset]
    found["dataset"] = batches.getDataSet(dataset)[dataset]["name"]
    good = [{"_id": "1", "points": 5}, {"_id": "2", "points": 7}]
    bad = [{"_id": "3", "points": "many"}, {"_id": "4", "points": -1}]
    accepted = uploaded(into, batches, dataset, good + bad[:1], enableDiagnostic=True, partialIngestionPercentage=50)
    failed = uploaded(into, batches, dataset, bad, enableDiagnostic=True)
    text = uploaded(into, batches, dataset, "_id,points\n1,2\n")
    found["statuses"] = [accepted["status"], failed["status"], text["status"]]
    found["all"] = sorted(batches.getBatches(limit=1, n_results="inf", dataSet=dataset)) == sorted(
        [accepted["id"], failed["id"], text["id"]]
    )
    frame = batches.getFailedBatchesDF(dataSet=dataset)
    found["failed"] = {name: (row["dataSetId"] == dataset, row["errorCode"]) for name, row in frame.iterrows()}
    found["failed_id"] = failed["id"]
    found["mapper_errors"] = len(batches.getMapperErrors(dataSet=dataset))
    found["meta"] = [one["name"] for one in access.getBatchMeta(accepted["id"])["data"]]
    found["samples"] = access.getBatchMeta(accepted["id"], path="row_errors_sample.json")
    found["landed"] = [one["name"] for one in access.getBatchFailed(failed["id"])]
    file = access.getBatchFiles(accepted["id"])[0]["dataSetFileId"]
    part = access.getFiles(file)["data"][0]["name"]
    found["magic"] = access.getFiles(file, path=part).read(4).decode()
    into.deleteBatch(accepted["id"])
    found["used"] = registry.deleteSchema(made["$id"])
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        result = session()
    json.dump(result, sys.stdout, default=str)
