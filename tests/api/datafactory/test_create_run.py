"""createRun: parameters, ids, limits, and what is refused."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.datafactory.desk import SCOPE, Client, make_client, request_id, wait
from fakes import ManualClock
from headrace.core.run import RunStatus
from headrace.service.secret_values import open_value
from headrace.store.database import Database

NEVER = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def client(sqlite_database: Database, clock: ManualClock) -> Client:
    """Return a client of a factory with nothing in it."""
    return make_client(sqlite_database, clock)


def error(answer: Any) -> tuple[int, str, str, str | None]:
    """Return status, code, message and target of a refusal."""
    body = answer.json()["error"]
    assert body["details"] is None
    return answer.status_code, body["code"], body["message"], body["target"]


def test_a_run_is_queued_with_what_it_needs(client: Client) -> None:
    """All that the run is to know is written with it, so that changes of the factory do not reach it."""
    variables = {"v": {"type": "Array"}, "w": {"type": "String", "defaultValue": "x"}}
    parameters = {"a": {"type": "Int", "defaultValue": 1}}
    client.put_pipeline(
        "My Pipe", parameters=parameters, variables=variables, annotations=["n"], runDimensions={"d": "1"}
    )
    run = client.stored(client.create_run("my pipe", {"a": "7", "undeclared": True}))
    assert run.status is RunStatus.QUEUED
    assert (run.scope, run.flow_name, run.group_id, run.exclusive) == (SCOPE, "My Pipe", run.id, False)
    assert run.parameters == {"a": 7}
    details: Any = run.details
    assert details["variables"] == {"v": {"type": "Array", "default": []}, "w": {"type": "String", "default": "x"}}
    assert details["globalParameters"] == {"g": "gv"}
    assert (details["annotations"], details["runDimensions"], details["factory"]) == (["n"], {"d": "1"}, "Fac")
    assert details["invokedBy"]["id"] == details["trigger"]["id"]


TYPED: list[tuple[str, Any, Any]] = [
    ("String", "x", "x"),
    ("string", 1.0, "1"),
    ("String", True, "True"),
    ("Int", 3.0, 3),
    ("Int", " 12 ", 12),
    ("Float", "2.5", 2.5),
    ("Float", 2, 2.0),
    ("Bool", "TRUE", True),
    ("Array", [1], [1]),
    ("Object", {"a": 1}, {"a": 1}),
    ("Int", None, None),
    ("SecureString", None, None),
]


def test_a_parameter_becomes_its_type(client: Client) -> None:
    """What can be meant is taken; null is a value of every type."""
    for kind, given, kept in TYPED:
        client.put_pipeline("p", parameters={"x": {"type": kind}})
        found = client.stored(client.create_run("p", {"x": given})).parameters["x"]
        assert found == kept
        assert type(found) is type(kept)


MISTYPED: list[tuple[str, Any]] = [
    ("String", [1]),
    ("Int", 1.5),
    ("Int", True),
    ("Int", "1.0"),
    ("Int", 2**63),
    ("Float", "x"),
    ("Bool", 1),
    ("Array", "[1]"),
    ("Object", "{}"),
    ("SecureString", 1),
    ("SecureString", {"$sealed": "made up"}),
]


def test_a_parameter_of_another_type_is_refused(client: Client) -> None:
    """The message names the parameter and both types."""
    for kind, given in MISTYPED:
        client.put_pipeline("p", parameters={"x": {"type": kind}})
        status, code, message, target = error(client("POST", "pipelines/p/createRun", {"x": given}))
        assert (status, code, target) == (400, "BadRequest", "pipeline/p")
        assert message.startswith(f"The pipeline parameter 'x' is of type '{kind}'; a value of type '")


def test_a_parameter_without_a_value_is_refused(client: Client) -> None:
    """Neither the body nor the definition says what it is."""
    client.put_pipeline("p", parameters={"x": {"type": "String"}})
    answer = error(client("POST", "pipelines/p/createRun"))
    text = "The pipeline parameter 'x' is required and was not given a value."
    assert answer == (400, "BadRequest", text, "pipeline/p")


def test_a_secret_is_sealed_in_the_ledger(client: Client) -> None:
    """Who reads the ledger does not read it; who executes the run does."""
    client.put_pipeline("p", parameters={"s": {"type": "SecureString", "defaultValue": "hush"}})
    run = client.stored(client.create_run("p"))
    assert "hush" not in str(run)
    assert open_value(client.door.sealer, SCOPE, run.parameters["s"]) == "hush"
    assert client.run(run.id)["parameters"] == {"s": "**********"}


def test_the_request_id_becomes_the_run_id_and_can_be_repeated(client: Client) -> None:
    """A client that heard nothing asks again; anything else with the same id is a run of its own."""
    client.put_pipeline("p")
    client.put_pipeline("q")
    header = request_id()

    def ask(name: str = "p", body: Any = None, **query: str) -> str:
        return str(client("POST", f"pipelines/{name}/createRun", body, header, **query).json()["runId"])

    first = ask()
    assert first == header["x-ms-client-request-id"]
    assert ask(body={}) == first
    others = {ask("q"), ask(body={"a": 1}), ask(startActivityName="Wait")}
    assert len(others) == 3
    assert first not in others
    assert len(client.query()) == 4


def test_a_request_that_comes_several_times_at_once_makes_one_run(client: Client) -> None:
    """Whoever is late finds the run of the first."""
    client.put_pipeline("p")
    header = request_id()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(client, "POST", "pipelines/p/createRun", {"a": 1}, header) for _ in range(4)]
        answers = [one.result() for one in asked]
    assert {answer.json()["runId"] for answer in answers} == {header["x-ms-client-request-id"]}
    assert len(client.query()) == 1


def test_a_header_that_is_no_uuid_gives_no_id(client: Client) -> None:
    """The run has a random id of ours."""
    client.put_pipeline("p")
    answer = client("POST", "pipelines/p/createRun", headers={"x-ms-client-request-id": "mine"})
    assert str(uuid.UUID(answer.json()["runId"])) == answer.json()["runId"]


def test_too_many_waiting_runs_are_refused_until_some_begin(sqlite_database: Database, clock: ManualClock) -> None:
    """The limit counts what waits of one pipeline, and says when to come again."""
    client = make_client(sqlite_database, clock, waiting_runs=2)
    client.put_pipeline("p")
    client.put_pipeline("q")
    first = client.create_run("p")
    client.create_run("p")
    answer = client("POST", "pipelines/p/createRun")
    assert error(answer)[:2] == (429, "TooManyRequests")
    assert answer.headers["retry-after"] == "30"
    client.create_run("q")
    client.move(first, RunStatus.RUNNING)
    client.create_run("p")


def test_the_concurrency_of_the_pipeline_is_known_to_the_queue(client: Client) -> None:
    """The queue lets no more than that many go on."""
    client.put_pipeline("p", concurrency=1)
    assert client.create_run("p")


SENSELESS: list[tuple[dict[str, Any], Any, Any]] = [
    ({"referencePipelineRunId": "x"}, None, (400, "ReferencedPipelineRunNotValid", "pipeline/p/")),
    ({"referencePipelineRunId": NEVER}, None, (400, "ReferencedPipelineRunNotFound", "pipelinerun")),
    ({"isRecovery": "true"}, None, (400, "BadRequest", None)),
    ({"isRecovery": "perhaps"}, None, (400, "BadRequest", None)),
    ({}, b"[1]", (400, "BadRequest", None)),
    ({}, b"{", (400, "BadRequest", None)),
]


def test_a_request_that_makes_no_sense_is_refused(client: Client) -> None:
    """Each mistake has its code and target."""
    for query, body, expected in SENSELESS:
        client.put_pipeline("p")
        status, code, _, target = error(client("POST", "pipelines/p/createRun", body, **query))
        assert (status, code, target) == expected


def test_an_empty_value_in_the_query_is_none(client: Client) -> None:
    """Clients send switches that they have no value for."""
    client.put_pipeline("p")
    assert client.create_run("p", referencePipelineRunId="", isRecovery="", startActivityName="")


def test_a_run_of_another_pipeline_cannot_be_referred_to(client: Client) -> None:
    """A reference is to a run of the same pipeline."""
    client.put_pipeline("p")
    client.put_pipeline("q")
    other = client.create_run("q")
    status, code, message, target = error(client("POST", "pipelines/p/createRun", referencePipelineRunId=other))
    assert (status, code, target) == (400, "ReferencedPipelineRunNotValid", "pipeline/p/")
    assert message == f"Referenced pipeline run id {other} is not a valid run id."


def test_a_reference_supplies_the_parameters(client: Client) -> None:
    """The body is ignored then, unless it is to be laid over them; secrets go on as they are."""
    parameters = {"a": {"type": "String"}, "b": {"type": "String"}, "s": {"type": "SecureString"}}
    client.put_pipeline("p", parameters=parameters)
    first = client.create_run("p", {"a": "1", "b": "2", "s": "hush"})
    same = client.stored(client.create_run("p", {"a": "9"}, referencePipelineRunId=first))
    over = client.stored(client.create_run("p", {"a": "9"}, referencePipelineRunId=first, overrideParameters="TRUE"))
    assert (same.parameters["a"], over.parameters["a"], over.parameters["b"]) == ("1", "9", "2")
    assert open_value(client.door.sealer, SCOPE, over.parameters["s"]) == "hush"
    assert same.group_id == same.id


def test_an_unknown_pipeline_or_factory_is_not_found(client: Client) -> None:
    """The texts are those of a missing document, and of a missing factory."""
    status, code, message, target = error(client("POST", "pipelines/Nope/createRun"))
    assert (status, code, target) == (404, "NotFound", "pipeline/Nope")
    assert message == "The document could not be retrieved because it does not exist."
    elsewhere = (
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.DataFactory/factories/none/pipelines/p/createRun"
    )
    assert error(client("POST", elsewhere))[:2] == (404, "ResourceNotFound")


def _set(name: str, value: Any, inner: bool = False) -> dict[str, Any]:
    activity = {"name": "S", "type": "SetVariable", "typeProperties": {"variableName": name, "value": value}}
    if not inner:
        return activity
    return {"name": "Each", "type": "ForEach", "typeProperties": {"items": "@createArray(1)", "activities": [activity]}}


BROKEN: list[tuple[dict[str, Any], str]] = [
    (_set("v", "@concat('a'"), "Unable to parse expression 'concat('a''"),
    (
        _set("v", "@activity('Nope').output"),
        "The template validation failed: 'The action(s) 'Nope' referenced by 'inputs' in action 'S' are not defined in the template'",
    ),
    (_set("v", "@variables('nope')"), "The variable 'nope' is not declared in pipeline 'p'."),
    (
        _set("v", "@concat(variables('V'))"),
        "Self reference is not supported when updating the value of variable 'v'.",
    ),
    (_set("v", "@string(item())"), "The template function 'item' is not expected at this location."),
    ({**wait("W"), "typeProperties": {"waitTimeInSeconds": "@activity('W2')"}}, "The action(s) 'W2'"),
    ({**wait("W"), "userProperties": [{"name": "n", "value": "@{"}]}, "is not terminated"),
]


def test_a_definition_that_no_run_could_evaluate_is_refused(client: Client) -> None:
    """The whole definition is looked at before a run is made of it."""
    for activity, text in BROKEN:
        client.put_pipeline("p", activity, variables={"v": {"type": "String"}, "w": {"type": "String"}})
        header = request_id()
        status, code, message, target = error(client("POST", "pipelines/p/createRun", headers=header))
        assert (status, code) == (400, "BadRequest")
        assert message.startswith("ErrorCode=InvalidTemplate, ErrorMessage=")
        assert text in message
        assert target == f"pipeline/p/runid/{header['x-ms-client-request-id']}"


SOUND: list[dict[str, Any]] = [
    _set("v", "@string(item())", inner=True),
    _set("v", "@variables('w')"),
    _set("v", "@pipeline().parameters.undeclared"),
    _set("v", "@@concat("),
    {
        "name": "F",
        "type": "Filter",
        "typeProperties": {"items": "@createArray(1)", "condition": "@equals(item(),1)"},
    },
]


def test_what_may_be_evaluated_is_let_through(client: Client) -> None:
    """What can only be known when it runs is not refused before."""
    for activity in SOUND:
        client.put_pipeline("p", activity, variables={"v": {"type": "String"}, "w": {"type": "String"}})
        assert client.create_run("p")


def test_a_run_with_too_much_in_it_is_refused(client: Client) -> None:
    """Clients know by the code in the message that the parameters are too many bytes, and not the pipeline's fault."""
    client.put_pipeline("p")
    answer = client("POST", "pipelines/p/createRun", {"x": "y" * (5 << 20)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert answer.json()["error"]["message"].startswith(
        "ErrorCode=FlowRunSizeLimitExceeded, ErrorMessage=the body has more than "
    )
