"""Checks on PUT: every message names the activity and the property, and nothing that a client sends is our failure."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.datafactory.conftest import Client, error_of, pipeline, wait


@pytest.fixture
def client(shared: Client) -> Client:
    """Return the client that these tests share."""
    return shared


def after(name: str, *conditions: str, **more: Any) -> dict[str, Any]:
    """Return what an activity that depends on another one has."""
    return {"dependsOn": [{"activity": name, "dependencyConditions": list(conditions) or ["Succeeded"], **more}]}


def each(name: str, *inner: dict[str, Any], **given: Any) -> dict[str, Any]:
    """Return a ForEach."""
    return {"name": name, "type": "ForEach", "typeProperties": {"items": "@x", "activities": list(inner), **given}}


REFUSED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"activities": {}}, ("'activities'", "a list")),
    ({"activities": [5]}, ("5", "an object")),
    (pipeline(wait("")), ("name",)),
    (pipeline({"type": "Wait"}), ("name",)),
    (pipeline(wait("a.b")), ('"a.b"',)),
    (pipeline(wait("a" * 261)), ("aaa",)),
    (pipeline(wait("A"), wait("a")), ("'a'", "more than once")),
    (pipeline(each("Each", wait("EACH"))), ("'EACH'", "more than once in 'activities' of the activity 'Each'")),
    (pipeline(each("Each", each("In", wait("each")))), ("'each'", "more than once")),
    (pipeline(wait("A", **after("B"))), ("'A'", "'B'")),
    (pipeline(wait("B"), each("E", wait("A", **after("B")))), ("'A'", "'B'", "'E'")),
    (pipeline(wait("A", **after("A"))), ("circle", "A -> A")),
    (pipeline(wait("A", **after("b")), wait("B", **after("a"))), ("circle", "A -> B -> A")),
    (pipeline(wait("A"), wait("B", **after("A", "Done"))), ("'B'", "dependencyConditions", '"Done"')),
    (
        pipeline(wait("A"), wait("B", dependsOn=[{"activity": "A", "dependencyConditions": "Succeeded"}])),
        ("'B'", "dependencyConditions"),
    ),
    (pipeline(wait("A"), wait("B", dependsOn=["A"])), ("'B'", "dependsOn")),
    (pipeline(wait("A", dependsOn={})), ("'A'", "dependsOn", "a list")),
    (pipeline(wait("A", policy=5)), ("'A'", "policy", "an object")),
    (pipeline(wait("A", userProperties={})), ("'A'", "userProperties")),
    (pipeline(wait("A", state="Off")), ("'A'", "state", "Active, Inactive")),
    (pipeline(wait("A", onInactiveMarkAs=1)), ("'A'", "onInactiveMarkAs")),
    (pipeline({"name": "A", "type": "Wait", "typeProperties": []}), ("'A'", "typeProperties")),
    (
        pipeline({"name": "I", "type": "IfCondition", "typeProperties": {"ifTrueActivities": {}}}),
        ("'I'", "ifTrueActivities"),
    ),
    (pipeline({"name": "S", "type": "Switch", "typeProperties": {"cases": {}}}), ("'S'", "cases")),
    (pipeline({"name": "S", "type": "Switch", "typeProperties": {"cases": [5]}}), ("'S'", "cases")),
    (
        pipeline(
            {"name": "S", "type": "Switch", "typeProperties": {"cases": [{"value": "v", "activities": [wait("S")]}]}}
        ),
        ("'S'", 'the case "v"'),
    ),
    (pipeline(concurrency=0), ("concurrency", "0")),
    (pipeline(concurrency="2"), ("concurrency",)),
    (pipeline(concurrency=True), ("concurrency",)),
    (pipeline(concurrency=1 << 40), ("concurrency",)),
    (pipeline(each("E")), ("'E'", "inner activities")),
    (pipeline({"name": "U", "type": "until", "typeProperties": {"expression": "@x"}}), ("'U'", "inner activities")),
    (pipeline(each("E", wait(), batchCount=0)), ("'E'", "batchCount")),
    (pipeline(each("E", wait(), batchCount=51)), ("'E'", "batchCount")),
    (pipeline(each("E", wait(), batchCount="many")), ("'E'", "batchCount")),
    (pipeline(parameters=[]), ("parameters",)),
    (pipeline(parameters={"p": {"type": "Date"}}), ("'p'", "parameters")),
    (pipeline(parameters={"p": "String"}), ("'p'",)),
    (pipeline(variables={"v": {}}), ("'v'", "variables")),
    (pipeline(annotations={}), ("annotations",)),
    (pipeline(runDimensions=[]), ("runDimensions",)),
]
ACCEPTED: list[dict[str, Any]] = [
    {},
    {"activities": []},
    {"activities": None, "parameters": None, "concurrency": None},
    pipeline(wait("a b"), wait("a" * 200), wait("_ä")),
    pipeline(wait("A"), wait("B", **after("a", "succeeded", "FAILED", "Skipped", "Completed"))),
    pipeline(wait("A"), wait("B", dependsOn=[{"activity": "A"}])),
    pipeline(
        wait("A"), wait("B", **after("A")), wait("C", dependsOn=[*after("A")["dependsOn"], *after("B")["dependsOn"]])
    ),
    pipeline(each("E", wait("A")), each("F", wait("A"))),
    pipeline(wait("A"), each("E", wait("A"))),
    pipeline(each("E", wait(), batchCount=50)),
    pipeline(each("E", wait(), batchCount="@pipeline().parameters.n")),
    pipeline(each("E", wait(), batchCount={"type": "Expression", "value": "@x"})),
    pipeline(parameters={"p": {"type": "string", "defaultValue": "@x"}, "q": {"type": "SECURESTRING"}}),
    pipeline(variables={"v": {"type": "Boolean"}, "w": {"type": "array", "defaultValue": []}}),
    pipeline(wait("A", state="inactive", onInactiveMarkAs="skipped")),
    pipeline({"name": "I", "type": "IfCondition", "typeProperties": {"expression": "@x", "ifFalseActivities": []}}),
]


@pytest.mark.parametrize(("properties", "words"), REFUSED)
def test_a_pipeline_that_cannot_be_is_refused(
    client: Client, properties: dict[str, Any], words: tuple[str, ...]
) -> None:
    """With the names of what is wrong, so that it is found."""
    status, code, message, _ = error_of(client("PUT", "/pipelines/refused", {"properties": properties}))
    assert (status, code) == (400, "BadRequest")
    assert [word for word in words if word not in message] == [], message
    assert client("GET", "/pipelines/refused").status_code == 404


@pytest.mark.parametrize("properties", ACCEPTED)
def test_a_pipeline_that_can_be_is_kept(client: Client, properties: dict[str, Any]) -> None:
    """Nothing is refused that real files have."""
    assert client.put("/pipelines/p", properties)["properties"] == properties


@pytest.mark.parametrize(
    ("path", "properties"),
    [
        ("/datasets/d", {"type": "Json", "typeProperties": []}),
        ("/datasets/d", {"type": "Json", "parameters": {"a": 1}}),
        ("/linkedservices/l", {"type": "Sftp", "annotations": {}}),
        ("/triggers/t", {"type": "ScheduleTrigger", "pipelines": {}}),
        ("/triggers/t", {"type": "ScheduleTrigger", "pipelines": [5]}),
        ("/triggers/t", {"type": "ScheduleTrigger", "pipelines": [{"pipelineReference": {}}]}),
        ("/triggers/t", {"type": "TumblingWindowTrigger", "pipeline": []}),
    ],
)
def test_other_documents_of_a_wrong_form_are_refused(client: Client, path: str, properties: dict[str, Any]) -> None:
    """The property is named."""
    status, code, message, _ = error_of(client("PUT", path, {"properties": properties}))
    assert (status, code) == (400, "BadRequest")
    assert "expected" in message


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        [
            "\u0000",
            "A",
            "B",
            "p",
            "@x",
            "@{",
            "Container",
            "Execution",
            "headrace.v1.x.y",
            "Pwd=1;{",
            "MultiplePipelineTrigger",
        ]
    ),
)
WORDS = st.sampled_from(
    [
        "properties", "activities", "typeProperties", "type", "name", "dependsOn", "activity", "dependencyConditions", "cases", "value",
        "parameters", "variables", "concurrency", "referenceName", "linkedServiceName", "pipelines", "pipeline", "pipelineReference",
        "encryptedCredential", "connectionString", "password", "items", "expression", "batchCount", "globalParameters", "tags", "identity",
        "location", "inputs", "policy", "ifTrueActivities", "defaultActivities",
    ]
)  # fmt: skip
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
TARGETS = [
    "",
    "/pipelines/p",
    "/datasets/d",
    "/linkedservices/l",
    "/triggers/t",
    "/dataflows/f",
    "/globalParameters/default",
]
PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@PATIENT
@given(st.sampled_from(TARGETS), st.dictionaries(WORDS, ANYTHING, max_size=6), st.booleans())
def test_no_body_is_a_failure_of_ours(client: Client, path: str, properties: dict[str, Any], wraps: bool) -> None:
    """A client's mistake is 400, with a sentence."""
    answer = client("PUT", path, {"properties": properties} if wraps else properties)
    assert answer.status_code in {200, 400}, answer.text


def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Return ``value`` with one place of it, somewhere below, replaced by anything."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: mutated(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        number = draw(st.integers(0, len(value) - 1))
        return [*value[:number], mutated(draw, value[number]), *value[number + 1 :]]
    return draw(ANYTHING)


WHOLE = pipeline(
    wait("A", policy={"retry": 1}, userProperties=[{"name": "n", "value": "v"}]),
    each("E", wait("B", **after("C")), wait("C"), batchCount=3),
    {"name": "S", "type": "Switch", "typeProperties": {"on": "@x", "cases": [{"value": "v", "activities": [wait()]}]}},
    {
        "name": "V",
        "type": "Container",
        "typeProperties": {"variableName": "v", "value": 1},
        "inputs": [{"referenceName": "d"}],
    },
    parameters={"p": {"type": "String"}},
    variables={"v": {"type": "String"}},
    concurrency=1,
    annotations=["a"],
)


@st.composite
def nearly_whole(draw: st.DrawFn) -> Any:
    """Return a pipeline with one thing wrong."""
    return mutated(draw, WHOLE)


@PATIENT
@given(nearly_whole())
def test_no_pipeline_with_one_thing_wrong_is_a_failure_of_ours(client: Client, changed: Any) -> None:
    """Wherever in the document it is."""
    assert client("PUT", "/pipelines/p", {"properties": changed}).status_code in {200, 400}


@PATIENT
@given(
    ANYTHING,
    st.sampled_from(["createRun", "start", "stop", "querytriggers", "getDataPlaneAccess", "triggerRuns/1/rerun"]),
)
def test_no_action_is_a_failure_of_ours(client: Client, body: Any, action: str) -> None:
    """Whatever is sent with it."""
    for path in (f"/{action}", f"/triggers/t/{action}"):
        assert client("POST", path, body).status_code in {200, 400, 404, 501}


@PATIENT
@given(
    st.lists(
        st.sampled_from(
            ["%2F", "%00", "%FF", "%", "..", "%2e%2e", "subscriptions", "providers", "pipelines", "x", "", "%E2%82%AC"]
        ),
        max_size=6,
    )
)
def test_no_path_is_a_failure_of_ours(client: Client, segments: list[str]) -> None:
    """Encoded or empty, in any order."""
    for method in ("GET", "PUT"):
        answer = client.raw(method, "/subscriptions/" + "/".join(segments) + "?api-version=2018-06-01", b"{}")
        assert answer.status_code in {200, 304, 400, 404, 501}
