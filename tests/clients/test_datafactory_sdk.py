"""Microsoft's own Python client of Data Factory, both versions, unchanged but for its address, against the server; a proxy loses an answer."""

from typing import Any

import pytest

from clients.factory_client import GROUP, SUBSCRIPTION
from clients.factory_served import ServedFactories, session
from clients.factory_world import CountingWorld
from clients.losing import losing

MISSING = "The document could not be retrieved because it does not exist."
ADVICE = "azure-mgmt-datafactory 10.0.0 writes it by mistake"


@pytest.mark.e2e
@pytest.mark.parametrize("nine", [True, False], ids=["9.2.0", "10.0.0"])
def test_microsofts_client_goes_from_nothing_to_a_recovered_run(
    nine: bool, server: ServedFactories, world: CountingWorld
) -> None:
    """It defines with typed models and dicts, runs, queries, cancels and recovers, and its errors have their classes."""
    version = "9.2.0" if nine else "10.0.0"
    world.fail(f"POST /two-{version}")
    with losing(server.base) as proxy:
        create_run = f"/factories/sdk-{version.replace('.', '-')}/pipelines/lost/createRun"
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.DataFactory{create_run}"
        proxy.lose.append(f"POST {path}")
        asked = {"base": server.base, "losing": proxy.base, "world": world.base, "files": str(server.files)}
        found = session("factory_session.py", asked, nine=nine)
        assert proxy.lose == [], "the proxy lost the answer to createRun"
        assert len(proxy.calls) == 2, "the client asked again"
    assert found["version"] == version
    _check_definitions(found["defined"], found["repaired"], nine=nine)
    _check_etags(found["etags"], nine=nine)
    _check_recovery(found["recovered"])
    calls = {name: world.calls[f"POST /{name}-{version}"] for name in ("one", "two", "three")}
    assert calls == {"one": 2, "two": 3, "three": 2}, "each side effect as often as its activity was executed"
    assert found["cancelled"] == ["Cancelled", "Cancelled"]
    _check_refusals(found["refused"])
    _check_triggers(found["triggered"])
    if not nine:
        _check_pages(found["pages"])
    assert found["repeated"]["runs"] == [found["repeated"]["run"]], "the repeated request started nothing"
    assert not found["repeated"]["factories"], "the factory was deleted"


@pytest.mark.e2e
@pytest.mark.parametrize("nine", [True, False], ids=["9.2.0", "10.0.0"])
def test_microsofts_client_moves_data_with_typed_models(nine: bool, server: ServedFactories) -> None:
    """Every sort of linked service, dataset, source and sink is taken; a Copy, a Lookup, a GetMetadata and a Delete are executed."""
    (server.files / "in").mkdir(exist_ok=True)
    (server.files / "in" / "a.csv").write_text("a,b\n1,2\n")
    found = session("moving_session.py", {"base": server.base, "files": str(server.files)}, nine=nine)
    assert found["version"] == ("9.2.0" if nine else "10.0.0")
    assert found["types"] == {"Copy": "Copy", "Look": "Lookup", "Tell": "GetMetadata", "Remove": "Delete"}
    assert found["status"] == ["Succeeded", ""]
    assert (found["copied"], found["looked"], found["told"], found["removed"]) == (1, {"a": "1", "b": "2"}, "in", 1)
    assert found["ends"]["sql to json"] == ["AzureSqlSource", "JsonSink"]
    assert found["ends"]["json to rest"] == ["JsonSource", "RestSink"]
    assert len(found["ends"]) == 10


def _check_definitions(defined: dict[str, Any], repaired: dict[str, Any], *, nine: bool) -> None:
    assert defined["factory"]
    assert "hidden" not in defined["service"]
    assert "encryptedCredential" in defined["service"]
    assert defined["dataset"] == "Binary"
    assert defined["trigger"] == ["ScheduleTrigger", "Stopped"]
    assert defined["triggers"] == ["daily"]
    assert repaired["types"] == {
        "Pause": "Wait",
        "Call": "WebActivity",
        "Loop": "ForEach",
        "Sift": "Filter",
        "Repeat": "Until",
        "Choose": "IfCondition",
        "Switch": "Switch",
        "Set": "SetVariable",
        "Stop": "Fail",
        "Child": "ExecutePipeline",
        "Append": "AppendVariable",
    }
    assert repaired["inner"] == "Wait"
    if nine:
        assert repaired["ambiguous"][0] == "returned"
    else:
        assert repaired["ambiguous"][:3] == ["HttpResponseError", 400, "BadRequest"]
        assert ADVICE in repaired["ambiguous"][3]
        assert repaired["without a type"][:3] == ["HttpResponseError", 400, "BadRequest"]


def _check_triggers(found: dict[str, Any]) -> None:
    assert found["schedule"] == {
        "run": ["Succeeded", "ScheduleTrigger", ["ScheduleTime", "TriggerTime"]],
        "invoked by": [True, "ScheduleTrigger"],
        "due": True,
        "state": "Started",
    }
    assert found["windows"] == {"each once": True, "properties": ["TriggerTime", "windowEndTime", "windowStartTime"]}
    assert found["again"] == {"same": True, "depends": {"chain": "Failed"}, "cancelled": 1}
    assert found["refused"] == ["TriggerEnabledCannotUpdate", "TriggerEnabledCannotDelete", "BadRequest"]


def _check_etags(found: dict[str, Any], *, nine: bool) -> None:
    assert found["differ"]
    told = "The etag does not match the current version of the document."
    assert found["stale"][0] == ("HttpResponseError" if nine else "ResourceModifiedError")
    assert found["stale"][1:3] == [412, "PreconditionFailed"]
    assert told in found["stale"][3]
    assert found["unchanged"] == ["returned", "None"], "both versions make nothing of a 304"


def _check_recovery(found: dict[str, Any]) -> None:
    status, message, parameters, invoked_by = found["first"]
    assert (status, parameters, invoked_by) == ("Failed", {"day": "monday"}, "Manual")
    assert message.startswith("Operation on target Two failed: Error calling the endpoint")
    assert found["again"] == "Succeeded"
    assert found["group"] == found["ids"][::-1], "newest first"
    assert found["latest"] == found["ids"][-1:]
    assert found["failures"] == [["Two", "2108"]]
    assert found["rows"] == [
        {"One": "Succeeded", "Two": "Failed", "Three": "Skipped"},
        {"One": "carried over", "Two": "Succeeded", "Three": "Succeeded"},
        {"One": "Succeeded", "Two": "Succeeded", "Three": "Succeeded"},
    ]


def _check_refusals(found: dict[str, Any]) -> None:
    assert found["pipeline"][:3] == ["ResourceNotFoundError", 404, "NotFound"]
    assert MISSING in found["pipeline"][3]
    assert found["factory"][:3] == ["ResourceNotFoundError", 404, "ResourceNotFound"]
    assert found["run"][:3] == ["ResourceNotFoundError", 404, "ReferencedPipelineRunNotFound"]
    assert found["cancel"][:3] == ["HttpResponseError", 400, "ReferencedPipelineRunNotFound"]
    for name, told in {"reference": "nowhere", "parameter": "day", "deleted": "referenced"}.items():
        assert found[name][:3] == ["HttpResponseError", 400, "BadRequest"]
        assert told in found[name][3]


def _check_pages(found: dict[str, Any]) -> None:
    assert found["datasets"] == 102, "every dataset once, over two pages"
    assert found["sizes"] == [100, 1]
    assert found["all"]
    assert found["too many"][:3] == ["HttpResponseError", 429, "TooManyRequests"]
    assert found["rows"] == [1, 120], "every activity run, over two pages"
