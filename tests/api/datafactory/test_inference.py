"""Section 14.1 of the contract: types that azure-mgmt-datafactory 10.0.0 leaves out or writes wrongly."""

from typing import Any

import pytest

from api.datafactory.conftest import Client, error_of, pipeline

INNER = [{"name": "W", "type": "Wait", "typeProperties": {}}]
CONTAINERS: list[tuple[dict[str, Any], str]] = [
    ({"waitTimeInSeconds": 1}, "Wait"),
    ({"items": "@x", "activities": INNER}, "ForEach"),
    ({"items": "@x", "condition": "@y"}, "Filter"),
    ({"expression": "@x", "activities": INNER}, "Until"),
    ({"expression": "@x"}, "IfCondition"),
    ({"expression": "@x", "ifTrueActivities": INNER}, "IfCondition"),
    ({"on": "@x"}, "Switch"),
    ({"pipeline": {"referenceName": "p", "type": "PipelineReference"}}, "ExecutePipeline"),
    ({"variableName": "text", "value": 1}, "SetVariable"),
    ({"variableName": "pipelineReturnValue", "setSystemVariable": True, "value": []}, "SetVariable"),
    ({"variableName": "list", "setSystemVariable": False, "value": []}, "SetVariable"),
    ({"message": "m", "errorCode": "e"}, "Fail"),
    ({"url": "u", "method": "POST"}, "WebHook"),
    ({"dataset": {}}, "Validation"),
]
EXECUTIONS: list[tuple[dict[str, Any], str]] = [
    ({"source": {}, "sink": {}}, "Copy"),
    ({"source": {}, "dataset": {}}, "Lookup"),
    ({"dataset": {}, "fieldList": []}, "GetMetadata"),
    ({"dataset": {}, "enableLogging": True}, "Delete"),
    ({"dataset": {}, "logStorageSettings": {}}, "Delete"),
    ({"dataset": {}, "recursive": True}, "Delete"),
    ({"dataset": {}, "maxConcurrentConnections": 1}, "Delete"),
    ({"url": "u"}, "WebActivity"),
    ({"functionName": "f"}, "AzureFunctionActivity"),
    ({"storedProcedureName": "s"}, "SqlServerStoredProcedure"),
    ({"scripts": []}, "Script"),
    ({"dataFlow": {}}, "ExecuteDataFlow"),
    ({"command": "c"}, "Custom"),
]
ACTIVITIES = [("Container", *row) for row in CONTAINERS] + [("Execution", *row) for row in EXECUTIONS]
VARIABLES = {"text": {"type": "String"}, "List": {"type": "array"}}


@pytest.fixture
def client(shared: Client) -> Client:
    """Return the client that these tests share."""
    return shared


def stored(client: Client, activity: dict[str, Any]) -> str:
    """Return the type of an activity that a PUT has stored."""
    properties = client.put("/pipelines/p", pipeline(activity, variables=VARIABLES))["properties"]
    return str(properties["activities"][0]["type"])


@pytest.mark.parametrize(("written", "given", "expected"), ACTIVITIES)
def test_an_activity_gets_its_type(client: Client, written: str, given: dict[str, Any], expected: str) -> None:
    """What is unambiguous is repaired, and stored as it should have been sent."""
    assert stored(client, {"name": "A", "type": written, "typeProperties": given}) == expected


@pytest.mark.parametrize("written", ["Wait", "Copy", "Something"])
def test_a_type_that_is_right_is_left_alone(client: Client, written: str) -> None:
    """Whatever the properties look like."""
    assert stored(client, {"name": "A", "type": written, "typeProperties": {"url": "u", "dataset": {}}}) == written


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("Container", {}),
        ("Container", {"variableName": "LIST", "value": 1}),
        ("Execution", {"dataset": {}}),
        ("Execution", {}),
        ("Execution", {"waitTimeInSeconds": 1}),
    ],
)
def test_what_is_ambiguous_is_refused_with_the_way_out(client: Client, written: str, given: dict[str, Any]) -> None:
    """A guess could delete data."""
    for activity in (
        {"name": "Act", "type": written, "typeProperties": given},
        {
            "name": "If",
            "type": "IfCondition",
            "typeProperties": {"ifFalseActivities": [{"name": "Act", "type": written, "typeProperties": given}]},
        },
    ):
        answer = client("PUT", "/pipelines/p", {"properties": pipeline(activity, variables=VARIABLES)})
        text = (
            f"The type '{written}' of 'Act' is not a usable type. azure-mgmt-datafactory 10.0.0 writes it by mistake for typed models: "
            "pass a dict, set .type after construction, or use 9.2.0."
        )
        assert error_of(answer)[:3] == (400, "BadRequest", text)


def test_inner_activities_get_their_types(client: Client) -> None:
    """In every list that a container has."""
    inner = {"name": "W", "type": "Container", "typeProperties": {"waitTimeInSeconds": 1}}
    switch = {
        "name": "S",
        "type": "Container",
        "typeProperties": {"on": "@x", "cases": [{"value": "a", "activities": [inner]}], "defaultActivities": [inner]},
    }
    branch = {
        "name": "I",
        "type": "Container",
        "typeProperties": {"expression": "@x", "ifTrueActivities": [switch], "ifFalseActivities": [inner]},
    }
    loop = {"name": "F", "type": "Container", "typeProperties": {"items": "@x", "activities": [branch]}}
    shown = client.put("/pipelines/p", pipeline(loop))["properties"]
    given = shown["activities"][0]["typeProperties"]["activities"][0]["typeProperties"]
    found = given["ifTrueActivities"][0]["typeProperties"]
    assert [given["ifFalseActivities"][0]["type"], found["cases"][0]["activities"][0]["type"]] == ["Wait", "Wait"]
    assert found["defaultActivities"][0]["type"] == "Wait"


DAILY = {"frequency": "Day", "startTime": "2026-01-01T00:00:00Z"}
BLOBS = {"scope": "s", "events": ["Microsoft.Storage.BlobCreated"]}
HOURLY = {"frequency": "Hour", "interval": 1, "startTime": "2026-01-01T00:00:00Z", "maxConcurrency": 1}


@pytest.mark.parametrize(
    ("written", "given", "expected"),
    [
        ("MultiplePipelineTrigger", {"recurrence": DAILY}, "ScheduleTrigger"),
        ("MultiplePipelineTrigger", {**BLOBS, "blobPathBeginsWith": "/a"}, "BlobEventsTrigger"),
        ("MultiplePipelineTrigger", {**BLOBS, "blobPathEndsWith": "a"}, "BlobEventsTrigger"),
        (None, HOURLY, "TumblingWindowTrigger"),
        (None, {"recurrence": DAILY}, "ScheduleTrigger"),
        ("CustomEventsTrigger", {"recurrence": {}, "scope": "s", "events": ["e"]}, "CustomEventsTrigger"),
        ("MultiplePipelineTrigger", {"events": []}, None),
    ],
)
def test_a_trigger_gets_its_type(
    client: Client, written: str | None, given: dict[str, Any], expected: str | None
) -> None:
    """Schedule and event triggers come as the class above them."""
    properties = {"typeProperties": given} if written is None else {"type": written, "typeProperties": given}
    answer = client("PUT", "/triggers/t", {"properties": properties})
    if expected is None:
        assert "'MultiplePipelineTrigger' of 't' is not a usable type" in error_of(answer)[2]
    else:
        assert answer.json()["properties"]["type"] == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"location": {}, "columnDelimiter": ","}, "DelimitedText"),
        ({"location": {}, "rowDelimiter": ","}, "DelimitedText"),
        ({"location": {}, "quoteChar": ","}, "DelimitedText"),
        ({"location": {}, "escapeChar": ","}, "DelimitedText"),
        ({"location": {}, "sheetName": "a"}, "Excel"),
        ({"location": {}, "sheetIndex": 0}, "Excel"),
        ({"location": {}, "range": "A1"}, "Excel"),
        ({"location": {}, "avroCompressionCodec": "snappy"}, "Avro"),
        ({"relativeUrl": "/a"}, "RestResource"),
        ({"table": "t"}, "SqlServerTable"),
        ({"schema": "s", "table": "t"}, "SqlServerTable"),
        ({"tableName": "t"}, "SqlServerTable"),
        ({"location": {}}, None),
        ({}, None),
    ],
)
def test_a_dataset_gets_its_type(client: Client, given: dict[str, Any], expected: str | None) -> None:
    """Tables are those of their linked service."""
    client.put("/linkedservices/Sql", {"type": "SqlServer"})
    reference = {"referenceName": "sql", "type": "LinkedServiceReference"}
    answer = client("PUT", "/datasets/d", {"properties": {"linkedServiceName": reference, "typeProperties": given}})
    if expected is None:
        assert error_of(answer)[:2] == (400, "BadRequest")
    else:
        assert answer.json()["properties"]["type"] == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [("AzureSqlDatabase", "AzureSqlTable"), ("MySql", "MySqlTable"), ("PostgreSqlV2", "PostgreSqlV2Table")],
)
def test_tables_are_called_after_their_service(client: Client, service: str, expected: str) -> None:
    """Two have names of their own."""
    client.put("/linkedservices/sql", {"type": service})
    reference = {"referenceName": "sql", "type": "LinkedServiceReference"}
    shown = client.put("/datasets/d", {"linkedServiceName": reference, "typeProperties": {"tableName": "t"}})
    assert shown["properties"]["type"] == expected


def test_one_linked_service_can_be_told(client: Client) -> None:
    """An S3 of somebody else; every other one has to say what it is."""
    shown = client.put("/linkedservices/l", {"typeProperties": {"serviceUrl": "u", "forcePathStyle": True}})
    assert shown["properties"]["type"] == "AmazonS3Compatible"
    assert (
        error_of(client("PUT", "/linkedservices/l", {"properties": {"typeProperties": {"serviceUrl": "u"}}}))[0] == 400
    )
