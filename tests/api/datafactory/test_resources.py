"""Section 3 of the contract: what is kept of documents, what is checked, and what hangs together."""

import asyncio
import json
from typing import Any

import pytest

from api.datafactory.conftest import (
    FACTORY,
    GROUP,
    SCOPE,
    SUB,
    Client,
    client_of,
    door_maker,
    error_of,
    fill,
    pipeline,
    wait,
)
from fakes import ManualClock
from headrace.api.datafactory.collections import COLLECTIONS
from headrace.api.datafactory.translate.flow import flow_id_of
from headrace.core.errors import Problem
from headrace.core.ids import derived_uuid
from headrace.core.run import RunStatus
from headrace.service.documents import DocumentDraft, DocumentQuery, page_documents, put_document, write_document
from headrace.service.flows import get_flow
from headrace.service.runs import RunRequest, create_run, get_run
from headrace.store.database import Database

REFERENCE = {"referenceName": "ls", "type": "LinkedServiceReference"}
DATASET = {"type": "DelimitedText", "linkedServiceName": REFERENCE, "typeProperties": {}}
SERVICE = {"type": "HttpServer", "typeProperties": {"url": "http://x"}}
TRIGGER: dict[str, Any] = {
    "type": "ScheduleTrigger",
    "typeProperties": {"recurrence": {"frequency": "Day", "startTime": "2026-01-01T00:00:00Z"}},
}
PROPERTIES: dict[str, dict[str, Any]] = {
    "pipelines": pipeline(),
    "datasets": DATASET,
    "linkedservices": SERVICE,
    "triggers": TRIGGER,
    "dataflows": {"type": "MappingDataFlow"},
    "globalParameters": {"g": {"type": "Int", "value": 1}},
    "integrationRuntimes": {"type": "Managed"},
    "credentials": {"type": "ManagedIdentity"},
    "managedVirtualNetworks": {},
}


def full(client: Client) -> None:
    """Make a linked service, a dataset on it, a pipeline that copies it, and a trigger of that."""
    client.put("/linkedservices/ls", SERVICE)
    client.put("/datasets/ds", DATASET)
    copy = {
        "name": "C",
        "type": "Copy",
        "inputs": [{"referenceName": "DS", "type": "DatasetReference"}],
        "typeProperties": {},
    }
    client.put("/pipelines/p", pipeline(copy))
    started = {"pipelineReference": {"referenceName": "P", "type": "PipelineReference"}}
    client.put("/triggers/t", {**TRIGGER, "pipelines": [started]})


def test_a_factory_is_shown_as_the_contract_says(client: Client) -> None:
    """Server facts are the server's, whatever a client sends; the rest comes back."""
    sent = {
        "location": "westeurope",
        "tags": {"a": "b"},
        "identity": {"type": "SystemAssigned", "principalId": "mine"},
        "name": "other",
        "properties": {
            "createTime": "never",
            "globalParameters": {"a-b": {"type": "String", "value": "gv"}},
            "repoConfiguration": {"type": "FactoryGitHubConfiguration"},
        },
        "zones": ["1"],
    }
    shown = client("PUT", "", sent).json()
    assert client.get() == shown
    assert list(shown)[:3] == ["name", "id", "type"]
    assert (shown["name"], shown["id"], shown["type"]) == ("Fac", FACTORY, "Microsoft.DataFactory/factories")
    assert (shown["location"], shown["tags"], shown["zones"]) == ("westeurope", {"a": "b"}, ["1"])
    assert set(shown["identity"]) == {"type", "principalId", "tenantId"}
    assert shown["identity"]["principalId"] == derived_uuid("datafactory/sub-1", "rg/fac", "principal")
    assert shown["properties"] == {
        "provisioningState": "Succeeded",
        "createTime": "2023-11-14T22:13:20.0000000Z",
        "version": "2018-06-01",
        "publicNetworkAccess": "Enabled",
        "globalParameters": {"a-b": {"type": "String", "value": "gv"}},
        "repoConfiguration": {"type": "FactoryGitHubConfiguration"},
    }


def test_a_patch_changes_tags_identity_and_access_only(client: Client) -> None:
    """What it does not name stays."""
    client("PUT", "", {"location": "x", "properties": {"globalParameters": {"g": {"type": "Int", "value": 1}}}})
    patch = {
        "tags": {"t": "1"},
        "identity": {"type": "UserAssigned"},
        "properties": {"publicNetworkAccess": "Disabled", "version": "9"},
    }
    shown = client("PATCH", "", patch).json()
    assert (shown["tags"], shown["location"], shown["identity"]) == ({"t": "1"}, "x", {"type": "UserAssigned"})
    assert shown["properties"]["publicNetworkAccess"] == "Disabled"
    assert shown["properties"]["version"] == "2018-06-01"
    assert shown["properties"]["globalParameters"] == {"g": {"type": "Int", "value": 1}}
    missing = client("PATCH", f"{GROUP}/providers/Microsoft.DataFactory/factories/none", patch)
    assert error_of(missing)[:2] == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    "body",
    [
        {"tags": 1},
        {"tags": {"a": 1}},
        {"identity": []},
        {"properties": "x"},
        {"location": 5},
        {"properties": {"globalParameters": []}},
        {"properties": {"globalParameters": {"g": {"type": "SecureString"}}}},
        {"properties": {"globalParameters": {"g": 1}}},
    ],
)
def test_a_factory_of_another_form_is_refused(shared: Client, body: dict[str, Any]) -> None:
    """The message says what was found and what is expected."""
    status, code, message, _ = error_of(shared("PUT", "", body))
    assert (status, code) == (400, "BadRequest")
    assert "expected" in message


def test_factories_are_listed_by_subscription_and_by_group(client: Client) -> None:
    """A group whose name begins like another one's has none of its factories."""
    for group, name in (("Rg", "abc"), ("Rg2", "abd"), ("rG", "Abe")):
        made = client("PUT", f"{SUB}/resourceGroups/{group}/providers/Microsoft.DataFactory/factories/{name}", {})
        assert made.status_code == 200
    client("PUT", "/subscriptions/other/resourceGroups/Rg/providers/Microsoft.DataFactory/factories/abf", {})
    lists = [client.get(f"{place}/providers/Microsoft.DataFactory/factories")["value"] for place in (SUB, GROUP)]
    assert [{item["name"] for item in found} for found in lists] == [
        {"Fac", "abc", "abd", "Abe"},
        {"Fac", "abc", "Abe"},
    ]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nothing_is_found_in_a_factory_that_is_missing(shared: Client, method: str) -> None:
    """The text is the one that people search for."""
    path = f"{GROUP}/providers/Microsoft.DataFactory/factories/none"
    message = (
        "The Resource 'Microsoft.DataFactory/factories/none' under resource group 'Rg' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    answer = shared(method, f"{path}/pipelines/p", {"properties": pipeline()} if method == "PUT" else None)
    assert error_of(answer) == (404, "ResourceNotFound", message, None)
    assert error_of(shared("GET", path)) == (404, "ResourceNotFound", message, None)


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda collection: collection.segment)
def test_every_collection_keeps_documents(client: Client, collection: Any) -> None:
    """PUT, GET, list and DELETE are the same for all; order and unknown properties are kept."""
    client.put("/linkedservices/ls", SERVICE)
    name = "default" if collection.segment == "globalParameters" else "One"
    path = f"/{collection.segment}/{name}"
    sent: dict[str, Any] = {
        "properties": {**PROPERTIES[collection.segment]},
        "zeta": {"b": 1, "a": [None, 1.5, "ä"]},
        "alpha": 1,
        "etag": "x",
        "id": 5,
    }
    if collection.segment != "globalParameters":
        sent["properties"]["unknown"] = {"z": 1, "a": 2}
    shown = client("PUT", path, sent).json()
    assert shown["id"] == f"{FACTORY}{path}"
    assert (shown["name"], shown["type"]) == (name, f"Microsoft.DataFactory/factories/{collection.segment}")
    kept = {key: value for key, value in shown.items() if key not in {"id", "name", "type", "etag"}}
    wanted = {**sent, "properties": {**sent["properties"]}}
    if collection.segment == "triggers":
        wanted["properties"]["runtimeState"] = "Stopped"
    assert json.dumps(kept) == json.dumps({key: value for key, value in wanted.items() if key not in {"etag", "id"}})
    assert client.get(path) == shown
    listed = client.get(f"/{collection.segment}")
    assert shown in listed["value"]
    assert "nextLink" not in listed
    assert [client("DELETE", path).status_code for _ in range(2)] == [200, 204]
    missing = "The document could not be retrieved because it does not exist."
    assert error_of(client("GET", path)) == (404, "NotFound", missing, f"{FACTORY}{path}")


def test_there_is_one_document_of_global_parameters(shared: Client) -> None:
    """Its name is ``default``."""
    answer = shared("PUT", "/globalParameters/other", {"properties": {}})
    assert error_of(answer)[:2] == (400, "BadRequest")
    wrong = shared("PUT", "/globalParameters/default", {"properties": {"g": {"type": "Date"}}})
    assert "'g'" in error_of(wrong)[2]


def test_a_body_needs_properties(shared: Client) -> None:
    """Also when it has other things."""
    bodies: tuple[dict[str, Any], ...] = ({}, {"properties": None}, {"properties": []})
    for body in bodies:
        assert "'properties'" in error_of(shared("PUT", "/pipelines/p", body))[2]


@pytest.mark.parametrize(
    ("path", "properties"),
    [
        ("/datasets/d", {"typeProperties": {}}),
        ("/datasets/d", {"type": 5}),
        ("/datasets/d", {"type": ""}),
        ("/linkedservices/l", {"typeProperties": {}}),
        ("/triggers/t", {"typeProperties": {}}),
        ("/pipelines/p", pipeline({"name": "A"})),
        ("/pipelines/p", pipeline({"name": "A", "type": None})),
        (
            "/pipelines/p",
            pipeline({"name": "I", "type": "IfCondition", "typeProperties": {"ifTrueActivities": [{"name": "A"}]}}),
        ),
    ],
)
def test_a_type_has_to_be_said(shared: Client, path: str, properties: dict[str, Any]) -> None:
    """In the words of the service, which people search for."""
    text = (
        "Provided type '' is either unsupported or an invalid type.The relevant property is 'type'."
        "The error occured at the location 'body/properties' in the request."
    )
    assert error_of(shared("PUT", path, {"properties": properties})) == (400, "BadRequest", text, None)


def test_what_nothing_here_executes_is_stored_all_the_same(client: Client) -> None:
    """Whole factories can be imported."""
    client.put("/linkedservices/ls", {"type": "SapTable", "typeProperties": {}})
    client.put("/datasets/d", {"type": "SapTableResource", "linkedServiceName": REFERENCE})
    client.put("/pipelines/p", pipeline({"name": "A", "type": "DatabricksNotebook", "typeProperties": {"x": 1}}))
    client.put("/triggers/t", {"type": "SomethingNew"})


@pytest.mark.parametrize(
    ("path", "properties", "name"),
    [
        (
            "/datasets/d",
            {**DATASET, "linkedServiceName": {"referenceName": "no", "type": "LinkedServiceReference"}},
            "no",
        ),
        (
            "/datasets/d",
            {**DATASET, "linkedServiceName": {"referenceName": "@x", "type": "LinkedServiceReference"}},
            "@x",
        ),
        ("/datasets/d", {**DATASET, "linkedServiceName": {"referenceName": "no"}}, "no"),
        ("/datasets/d", {**DATASET, "linkedServiceName": {"referenceName": 5, "type": "LinkedServiceReference"}}, "5"),
        ("/pipelines/p", pipeline(wait(inputs=[{"referenceName": "no", "type": "DatasetReference"}])), "no"),
        (
            "/pipelines/p",
            pipeline(
                {
                    "name": "E",
                    "type": "ExecutePipeline",
                    "typeProperties": {"pipeline": {"referenceName": "q", "type": "PipelineReference"}},
                }
            ),
            "q",
        ),
        (
            "/triggers/t",
            {**TRIGGER, "pipelines": [{"pipelineReference": {"referenceName": "q", "type": "PipelineReference"}}]},
            "q",
        ),
        (
            "/linkedservices/l",
            {
                "type": "Sftp",
                "typeProperties": {
                    "password": {
                        "type": "AzureKeyVaultSecret",
                        "secretName": "s",
                        "store": {"referenceName": "kv", "type": "LinkedServiceReference"},
                    }
                },
            },
            "kv",
        ),
    ],
)
def test_what_is_referred_to_has_to_be_there(shared: Client, path: str, properties: dict[str, Any], name: str) -> None:
    """Order matters: linked services, datasets, pipelines, triggers."""
    text = f"The document creation or update failed because of invalid reference '{name}'."
    assert error_of(shared("PUT", path, {"properties": properties})) == (400, "BadRequest", text, None)


def test_a_pipeline_may_refer_to_itself(client: Client) -> None:
    """Also before it is there, and in another case."""
    again = {
        "name": "E",
        "type": "ExecutePipeline",
        "typeProperties": {"pipeline": {"referenceName": "SELF", "type": "PipelineReference"}},
    }
    client.put("/pipelines/self", pipeline(again))
    assert client("DELETE", "/pipelines/self").status_code == 200


def test_data_that_look_like_a_reference_are_none(client: Client) -> None:
    """A body that is sent somewhere may hold anything."""
    body = {"referenceName": "none", "type": "DatasetReference"}
    client.put(
        "/pipelines/p", pipeline({"name": "A", "type": "WebActivity", "typeProperties": {"url": "x", "body": body}})
    )


@pytest.mark.parametrize(("path", "by"), [("/linkedservices/LS", "ds"), ("/datasets/ds", "p"), ("/pipelines/p", "t")])
def test_what_is_referred_to_cannot_be_removed(client: Client, path: str, by: str) -> None:
    """The message names what still refers to it."""
    full(client)
    text = f"The document cannot be deleted since it is referenced by {by}."
    assert error_of(client("DELETE", path)) == (400, "BadRequest", text, None)
    for each in ("/triggers/t", "/pipelines/p", "/datasets/ds", "/linkedservices/ls"):
        assert client("DELETE", each).status_code == 200


def test_a_pipeline_is_a_flow_with_its_bound(client: Client) -> None:
    """Document and flow change together, and go together."""
    client.put(
        "/pipelines/Pipe",
        pipeline(
            wait("A"), wait("B", dependsOn=[{"activity": "a", "dependencyConditions": ["Succeeded"]}]), concurrency=3
        ),
    )
    subject = flow_id_of(SCOPE, "PIPE")
    flow = get_flow(client.door.database, SCOPE, subject)
    assert (flow.name, flow.concurrency, [a.name for a in flow.plan.activities]) == ("Pipe", 3, ["A", "B"])
    client.put("/pipelines/pipe", pipeline())
    assert get_flow(client.door.database, SCOPE, subject).concurrency is None
    client("DELETE", "/pipelines/pipe")
    with pytest.raises(Problem):
        get_flow(client.door.database, SCOPE, subject)


def run_of(client: Client) -> str:
    """Return the id of a new run of the pipeline ``p``."""
    request = RunRequest(scope=SCOPE, flow_id=flow_id_of(SCOPE, "p"), created_by="test")
    return create_run(client.door.database, request, client.clock, client.door.ids).id


def test_runs_outlive_their_pipeline(client: Client) -> None:
    """Each run executes the definition that it was created from, also one that waits."""
    client.put("/pipelines/p", pipeline(wait("Old")))
    run = run_of(client)
    client.put("/pipelines/p", pipeline(wait("New")))
    client("DELETE", "/pipelines/p")
    kept = get_run(client.door.database, SCOPE, run).run
    assert (kept.status, [a.name for a in kept.definition.activities]) == (RunStatus.QUEUED, ["Old"])


def test_a_factory_goes_with_all_that_is_in_it(database: Database, runner: asyncio.Runner, clock: ManualClock) -> None:
    """Its runs are cancelled; a factory that is made again is empty."""
    client = client_of(runner, door_maker(database, clock)(), clock)
    full(client)
    client.put("/globalParameters/default", {"g": {"type": "Int", "value": 1}})
    fill(client, "dataflow", [f"d{number}" for number in range(120)])
    runs = [run_of(client) for _ in range(3)]
    neighbour = f"{GROUP}/providers/Microsoft.DataFactory/factories/Fac2"
    client("PUT", neighbour, {})
    client.put(f"{neighbour}/pipelines/p", pipeline())
    assert [client("DELETE", "").status_code for _ in range(2)] == [200, 204]
    assert {get_run(database, SCOPE, run).run.status for run in runs} == {RunStatus.CANCELLED}
    client("PUT", "", {})
    for collection in COLLECTIONS:
        assert client.get(f"/{collection.segment}")["value"] == []
        assert not page_documents(database, DocumentQuery(scope=SCOPE, kind=collection.kind)).items
    with pytest.raises(Problem):
        get_flow(database, SCOPE, flow_id_of(SCOPE, "p"))
    assert client.get(f"{neighbour}/pipelines/p")["name"] == "p"


def test_the_data_plane_is_this_server(client: Client) -> None:
    """Clients that ask for access get the server's address and no token."""
    policy = {"permissions": "r"}
    answer = client("POST", "/getDataPlaneAccess", policy)
    assert answer.json() == {"policy": policy, "accessToken": "", "dataPlaneUrl": client.base}


# triggers


def test_a_put_always_stores_a_stopped_trigger(client: Client) -> None:
    """The state is the server's."""
    shown = client.put("/triggers/t", {**TRIGGER, "runtimeState": "Started", "annotations": []})
    assert shown["properties"]["runtimeState"] == "Stopped"
    assert list(shown["properties"]) == ["type", "typeProperties", "runtimeState", "annotations"]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({**TRIGGER, "pipelines": []}, "no pipelines"),
        ({"type": "ChainingTrigger"}, "cannot be started"),
        ({"type": "RerunTumblingWindowTrigger"}, "cannot be started"),
    ],
)
def test_a_trigger_that_would_not_fire_is_not_started(shared: Client, properties: dict[str, Any], words: str) -> None:
    """A trigger that is shown as started and does nothing would be a lie."""
    shared.put("/pipelines/p", pipeline())
    shared.put("/triggers/t", properties)
    status, code, message, target = error_of(shared("POST", "/triggers/T/start"))
    assert (status, code, target) == (400, "BadRequest", f"{FACTORY}/triggers/t")
    assert words in message
    assert error_of(shared("POST", "/triggers/none/start"))[:2] == (404, "NotFound")


def test_stopping_and_subscriptions_are_answered(client: Client) -> None:
    """Deployments stop triggers before they change them."""
    client.put("/triggers/Tr", {**TRIGGER})
    stopped = client("POST", "/triggers/tr/stop")
    assert (stopped.status_code, stopped.content) == (200, b"")
    for action in ("unsubscribeFromEvents", "getEventSubscriptionStatus"):
        assert client("POST", f"/triggers/tr/{action}").json() == {"triggerName": "Tr", "status": "Disabled"}
    assert error_of(client("POST", "/triggers/tr/subscribeToEvents"))[:2] == (400, "BadRequest")


@pytest.mark.parametrize("action", ["rerun", "cancel"])
def test_a_trigger_run_that_is_unknown_is_not_found(shared: Client, action: str) -> None:
    """The text names the run, the target the trigger."""
    shared.put("/triggers/Tr", {**TRIGGER})
    answer = shared("POST", f"/triggers/tr/triggerRuns/08586/{action}")
    assert error_of(answer) == (404, "NotFound", "The trigger run 08586 does not exist.", "Tr")


def test_triggers_can_be_asked_for(client: Client) -> None:
    """All of them in pages, or those that rerun windows of another one."""
    fill(client, "trigger", [f"t{number:03}" for number in range(100)])
    rerun = {
        "type": "RerunTumblingWindowTrigger",
        "typeProperties": {"parentTrigger": {"referenceName": "T001", "type": "TriggerReference"}},
    }
    client.put("/triggers/t100", rerun)
    first = client("POST", "/querytriggers").json()
    second = client("POST", "/querytriggers", {"continuationToken": first["continuationToken"]}).json()
    assert (len(first["value"]), [item["name"] for item in second["value"]]) == (100, ["t100"])
    assert "continuationToken" not in second
    found: list[str] = []
    asked: dict[str, Any] = {"parentTriggerName": "t001"}
    while True:
        page = client("POST", "/querytriggers", asked).json()
        found += [item["name"] for item in page["value"]]
        if "continuationToken" not in page:
            break
        asked["continuationToken"] = page["continuationToken"]
    assert found == ["t100"]


@pytest.mark.parametrize(
    ("method", "code"), [("PUT", "TriggerEnabledCannotUpdate"), ("DELETE", "TriggerEnabledCannotDelete")]
)
def test_a_started_trigger_is_left_alone(client: Client, method: str, code: str) -> None:
    """It has to be stopped first."""
    body = {"properties": {**TRIGGER, "runtimeState": "Started"}}
    draft = DocumentDraft(scope=SCOPE, kind="trigger", id="t", name="t", body=body, who="test")
    put_document(client.door.database, draft, client.clock)
    answer = client(method, "/triggers/t", {"properties": TRIGGER} if method == "PUT" else None)
    assert error_of(answer)[:2] == (400, code)
    assert "the trigger needs to be disabled first" in error_of(answer)[2]
    assert error_of(answer)[3] == f"{FACTORY}/triggers/t"


def test_factories_come_in_pages_too(client: Client) -> None:
    """By name; those of other groups do not count."""
    with client.door.database.transaction() as tx:
        for number in range(230):
            group = f"g{number % 2}"
            body: dict[str, Any] = {"subscription": "Sub-1", "group": group, "resource": {}}
            name = f"f{number:03}"
            draft = DocumentDraft(
                scope="datafactory/sub-1", kind="factory", id=f"{group}/{name}", name=name, body=body, who="test"
            )
            write_document(tx, draft, client.clock.now())
    found: list[list[str]] = []
    url = f"{SUB}/resourceGroups/G1/providers/Microsoft.DataFactory/factories"
    while url:
        page = client.get(url)
        found.append([item["name"] for item in page["value"]])
        url = page.get("nextLink", "").removeprefix(client.base)
    assert [len(names) for names in found] == [100, 15]
    assert [*found[0], *found[1]] == [f"f{number:03}" for number in range(1, 230, 2)]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_factory_is_changed_by_who_has_seen_its_newest_version(client: Client, method: str) -> None:
    """Its etag has quotes inside, and is taken with or without them."""
    old = client.get()["eTag"]
    new = client("PUT", "", {}).json()["eTag"]
    body: dict[str, Any] | None = None if method == "DELETE" else {}
    assert error_of(client(method, "", body, if_match=old))[:2] == (412, "PreconditionFailed")
    assert client(method, "", body, if_match=new.strip('"')).status_code == 200
