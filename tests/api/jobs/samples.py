"""A good body for every operation that takes one: what hostile tests spoil in one place after the other."""

from collections.abc import Mapping
from typing import Any

from api.jobs.conftest import Client

Call = tuple[str, str, Any]
"""Method, path and body."""

ACTION: dict[str, Any] = {
    "operation": "o",
    "label": "l",
    "mode": "foreground",
    "primary": True,
    "schedule": "daily",
    "constraints": [{"type": "hasData"}],
    "inputForm": {"type": "simple", "fields": [{"key": "a", "label": "A", "type": "string"}]},
    "messages": [{"type": "error", "content": "c"}],
}
FIELD: dict[str, Any] = {
    "key": "k",
    "type": "enum",
    "label": "L",
    "description": "d",
    "constraints": [
        {"type": "required", "config": {"message": "m", "level": "warn"}},
        {"type": "unique", "config": {"caseSensitive": True, "ignoreEmpty": True}},
        {"type": "external", "validator": "v"},
    ],
    "config": {
        "options": [{"value": "a", "label": "A", "alternativeNames": ["x"], "ordinal": 1}],
        "allowCustom": True,
        "sortBy": "label",
    },
    "appearance": {"size": "m"},
    "actions": [ACTION],
    "alternativeNames": ["z"],
}
REFERENCE = {
    "key": "r",
    "type": "reference",
    "config": {"ref": "contacts", "key": "name", "filter": {"refField": "name", "recordField": "k"}},
}
SHEET: dict[str, Any] = {
    "name": "S",
    "slug": "s",
    "fields": [FIELD, REFERENCE, {"key": "n", "type": "number", "config": {"decimalPlaces": 2}}],
    "access": ["*"],
    "allowAdditionalFields": True,
    "mappingConfidenceThreshold": 0.5,
    "actions": [ACTION],
    "constraints": [
        {
            "type": "unique",
            "name": "u",
            "fields": ["k"],
            "requiredFields": ["k"],
            "strategy": "concat",
            "config": {"message": "m"},
        },
        {"type": "external", "validator": "v"},
    ],
    "metadata": {"a": 1},
}
PROPERTY = {"key": "name", "type": "string"}
EDGE: dict[str, Any] = {
    "sourceField": PROPERTY,
    "destinationField": PROPERTY,
    "preview": ["a"],
    "enumDetails": {
        "mapping": [{"sourceValue": "a", "destinationValue": "b"}],
        "unusedSourceValues": ["x"],
        "unusedDestinationValues": [{"value": "q"}],
    },
    "metadata": {"certainty": "absolute", "confidence": 1, "source": "exact"},
}
RULES: list[dict[str, Any]] = [
    {"type": "assign", "sourceField": "name", "destinationField": "name", "name": "n", "filter": "name eq a"},
    {"type": "regex-extract", "sourceField": "name", "regex": "(a)", "destinationFields": ["name"]},
    {"type": "find-replace", "destinationField": "name", "values": [{"find": "a", "replace": "b"}]},
    {"type": "nest", "subfields": [{"sourceRegex": "a", "destinationSubfield": "b"}], "destinationField": "name"},
    {"type": "arithmetic", "sourceFields": ["name"], "destinationField": "name", "equation": "{0}+1"},
    {"type": "subprogram", "rules": [{"type": "ignore", "sourceField": "name"}]},
]
CELL = {
    "value": "x",
    "messages": [{"type": "error", "source": "custom-logic", "message": "m", "path": "p"}],
    "valid": True,
    "updatedAt": "2024-01-01T00:00:00Z",
}
SETTINGS = {
    "sidebarConfig": {"workbookSidebarOrder": ["x"]},
    "extractionOptions": {"headerDetection": {"algorithm": "default"}},
}


def calls(client: Client, ids: Mapping[str, str]) -> list[Call]:
    """Return a good call of each operation that takes a body, about the things with these ids."""
    sheet, space, workbook = ids["sheetId"], ids["spaceId"], ids["workbookId"]
    record = client.get(f"/sheets/{sheet}/records")["records"][0]["id"]
    change = {
        "id": record,
        "values": {"name": CELL},
        "metadata": {"a": 1},
        "config": {"fields": {"name": {"readonly": True}}},
    }
    return [
        *_jobs(client, ids),
        ("POST", f"/sheets/{sheet}/records", [{"name": CELL}]),
        ("PUT", f"/sheets/{sheet}/records", [change]),
        ("PUT", f"/sheets/{sheet}/find-replace", {"fieldKey": "name", "find": "a", "replace": "b"}),
        ("PATCH", f"/sheets/{sheet}/records/bulk-update", {"fieldUpdates": {"name": {"value": "x"}}}),
        ("POST", f"/sheets/{sheet}/fields", FIELD),
        ("POST", f"/sheets/{sheet}/duplicate", {"name": "n", "slug": "zz"}),
        (
            "POST",
            "/workbooks",
            {"name": "W", "spaceId": space, "labels": ["l"], "sheets": [SHEET], "settings": {"trackChanges": True}},
        ),
        (
            "PATCH",
            f"/workbooks/{workbook}",
            {"name": "W", "sheets": [{**SHEET, "slug": "contacts"}], "actions": [ACTION]},
        ),
        ("PATCH", f"/sheets/{sheet}", {"name": "n", "slug": "contacts", "metadata": {"a": 1}}),
        (
            "POST",
            "/spaces",
            {"name": "n", "settings": SETTINGS, "actions": [ACTION], "autoConfigure": True, "labels": ["l"]},
        ),
        (
            "PATCH",
            f"/spaces/{space}",
            {"name": "n", "settings": SETTINGS, "primaryWorkbookId": workbook, "namespace": "n"},
        ),
        (
            "PATCH",
            f"/files/{ids['fileId']}",
            {"workbookId": workbook, "name": "n", "status": "complete", "actions": [ACTION]},
        ),
        ("POST", f"/files/{ids['fileId']}/clone", {"prefix": "p"}),
        (
            "POST",
            "/files/detect-header",
            {"options": {"algorithm": "default", "rowsToSearch": 3}, "data": [["a"], ["1"]]},
        ),
        (
            "POST",
            "/files/detect-header",
            {"options": {"algorithm": "explicitHeaders", "headers": ["a"], "skip": 1}, "data": [["a"]]},
        ),
        (
            "POST",
            "/files/detect-header",
            {"options": {"algorithm": "specificRows", "rowNumbers": [0]}, "data": [["a"]]},
        ),
        ("POST", f"/spaces/{space}/documents", {"title": "T", "body": "b", "actions": [ACTION]}),
        ("POST", f"/actions?spaceId={space}", {**ACTION, "targetId": space}),
        ("POST", f"/actions/bulk?spaceId={space}", [{"operation": "o", "label": "l", "targetId": space}]),
        ("PATCH", f"/actions/{ids['actionId']}", ACTION),
        ("POST", "/secrets", {"name": "n", "value": "v", "spaceId": space, "actorId": "a"}),
        ("POST", "/snapshots", {"sheetId": sheet, "label": "l", "threadId": "t"}),
        ("POST", "/versions", {"sheetId": sheet}),
        ("POST", "/mapping", {"source": SHEET, "destination": SHEET, "save": False}),
        (
            "POST",
            "/jobs/preview-mutation",
            {"sheetId": sheet, "mutateRecord": "r => r", "filter": "all", "ids": [record]},
        ),
        (
            "POST",
            "/events",
            {
                "topic": "space:updated",
                "domain": "space",
                "payload": {"a": 1},
                "context": {
                    "accountId": "a",
                    "environmentId": ids["environmentId"],
                    "spaceId": space,
                    "slugs": {"sheet": "x"},
                },
                "namespaces": ["n"],
                "origin": {"id": "a", "slug": "s"},
                "attributes": {"a": 1},
            },
        ),
    ]


def _jobs(client: Client, ids: Mapping[str, str]) -> list[Call]:
    sheet, workbook = ids["sheetId"], ids["workbookId"]
    pair = {"sourceSheetId": sheet, "destinationSheetId": sheet}
    mapping = {"type": "workbook", "operation": "map", "source": workbook, "destination": workbook, "config": pair}
    mapped = client.post("/jobs", mapping)["id"]
    plan = {
        "fileId": "us_fl_1",
        "jobId": mapped,
        "fieldMapping": [EDGE],
        "unmappedSourceFields": [{"sourceField": PROPERTY, "preview": ["a"]}],
        "unmappedDestinationFields": [{"destinationField": PROPERTY}],
        "programId": "p",
    }
    job = {
        "type": "sheet",
        "operation": "delete-records",
        "source": sheet,
        "config": {
            "sheet": sheet,
            "filter": "all",
            "exceptions": ["a"],
            "searchField": "name",
            "searchValue": "v",
            "q": "name eq a",
        },
        "progress": 1,
        "mode": "hidden",
        "input": {"a": 1},
        "subject": {
            "type": "collection",
            "resource": "records",
            "query": {"filter": "all"},
            "params": {"sheetId": sheet},
        },
        "outcome": {
            "next": {"type": "files", "files": [{"fileId": "f"}]},
            "trigger": {"type": "manual", "audience": "all"},
        },
        "predecessorIds": [ids["jobId"]],
        "partData": {"a": 1},
        "estimatedCompletionAt": "2024-01-01T00:00:00Z",
    }
    export = {"options": {"ids": ["a"], "filter": "none", "sortField": "name", "sortDirection": "asc", "commitId": "c"}}
    mutation = {"sheetId": sheet, "mutateRecord": "r => r", "ids": ["a"], "snapshotLabel": "x"}
    replacing = {"fieldKey": "name", "sheetId": sheet, "find": "a", "replace": "b", "ids": ["x"]}
    extraction = {
        "driver": "csv",
        "options": {"delimiter": ",", "headers": ["a"], "skipRows": 1},
        "detectedHeaderRow": 1,
    }
    return [
        ("POST", "/jobs", job),
        ("POST", "/jobs", {**job, "operation": "export", "config": export}),
        ("POST", "/jobs", {**mapping, "config": {**pair, "mappingRules": RULES}}),
        ("POST", "/jobs", {**job, "operation": "mutate-records", "config": mutation}),
        ("POST", "/jobs", {**job, "operation": "find-replace", "config": replacing}),
        ("POST", "/jobs", {"type": "file", "operation": "extract", "source": ids["fileId"], "config": extraction}),
        ("PUT", f"/jobs/{mapped}/plan", plan),
        ("PATCH", f"/jobs/{mapped}/plan", plan),
        (
            "PATCH",
            f"/jobs/{ids['jobId']}",
            {"config": {"a": 1}, "progress": 1, "info": "i", "metadata": {"a": 1}, "result": {"a": 1}},
        ),
        ("POST", f"/jobs/{ids['jobId']}/split", {"parts": [{"a": 1}], "runInParallel": True}),
    ]
