"""Pipelines in: what becomes of each activity of a document."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api.datafactory.translate.plan import compile_plan
from headrace.core.codec import decode, encode
from headrace.core.flow import Activity, Condition, Dependency, OnRecovery, Plan, Policy


def compiled(*activities: Any) -> dict[str, Activity]:
    """Return the activities of a pipeline by name."""
    return dict(compile_plan("p", {"activities": list(activities)}).by_name)


def wait(name: str, *after: Any, **more: Any) -> dict[str, Any]:
    """Return a Wait that depends on the entries ``after``."""
    return {"name": name, "type": "Wait", "typeProperties": {"waitTimeInSeconds": 1}, "dependsOn": [*after], **more}


def on(name: str, *conditions: str) -> dict[str, Any]:
    """Return an entry of ``dependsOn``."""
    return {"activity": name, "dependencyConditions": [*conditions]}


@pytest.mark.parametrize(
    ("type_name", "kind", "recovery"),
    [
        ("ForEach", "for_each", OnRecovery.ENTER),
        ("Until", "until", OnRecovery.ENTER),
        ("IfCondition", "if", OnRecovery.ENTER),
        ("Switch", "switch", OnRecovery.ENTER),
        ("Filter", "filter", OnRecovery.REPEAT),
        ("Wait", "pipeline_wait", OnRecovery.REPEAT),
        ("SetVariable", "set_variable", OnRecovery.REBUILD),
        ("AppendVariable", "append_variable", OnRecovery.REBUILD),
        ("ExecutePipeline", "execute_pipeline", OnRecovery.CARRY),
        ("Fail", "fail", OnRecovery.CARRY),
        ("Validation", "validation", OnRecovery.CARRY),
        ("WebActivity", "web", OnRecovery.CARRY),
        ("WebHook", "web_hook", OnRecovery.CARRY),
        ("AzureFunctionActivity", "azure_function", OnRecovery.CARRY),
        ("Copy", "copy_data", OnRecovery.CARRY),
        ("Lookup", "lookup", OnRecovery.CARRY),
        ("GetMetadata", "get_metadata", OnRecovery.CARRY),
        ("Delete", "delete", OnRecovery.CARRY),
        ("Script", "script", OnRecovery.CARRY),
        ("SqlServerStoredProcedure", "stored_procedure", OnRecovery.CARRY),
        ("ExecuteDataFlow", "unsupported", OnRecovery.CARRY),
    ],
)
def test_every_type_has_its_kind(type_name: str, kind: str, recovery: OnRecovery) -> None:
    """Types name what does them and what a recovery does with them; what is not known is kept all the same."""
    activity = compiled({"name": "A", "type": type_name})["A"]
    assert (activity.kind, activity.on_recovery) == (kind, recovery)
    assert activity.settings["type"] == type_name


def test_a_child_that_is_waited_for_is_entered_by_a_recovery() -> None:
    """Only a literal true is sure to wait."""
    child = {"name": "A", "type": "ExecutePipeline", "typeProperties": {"waitOnCompletion": True}}
    assert compiled(child)["A"].on_recovery is OnRecovery.ENTER
    assert compiled({**child, "typeProperties": {"waitOnCompletion": "@true"}})["A"].on_recovery is OnRecovery.CARRY


def test_dependencies_find_their_activities_in_any_case() -> None:
    """Names compare without case; conditions of one entry are alternatives, none of them are Succeeded."""
    made = compiled(wait("One"), wait("Two"), wait("Three", on("ONE", "failed", "Skipped"), on("two")))
    assert made["Three"].depends_on == (
        Dependency("One", frozenset({Condition.FAILED, Condition.SKIPPED})),
        Dependency("Two", frozenset({Condition.SUCCEEDED})),
    )


def test_containers_have_bodies_and_no_inner_activities_in_their_settings() -> None:
    """What is executed stands once: in the bodies."""
    made = compiled(
        {
            "name": "Each",
            "type": "ForEach",
            "typeProperties": {"items": "@x", "activities": [wait("In"), wait("Then", on("in"))]},
        },
        {"name": "Loop", "type": "Until", "typeProperties": {"expression": "@x", "activities": [wait("Pass")]}},
        {
            "name": "Check",
            "type": "IfCondition",
            "typeProperties": {"expression": "@x", "ifTrueActivities": [wait("T")]},
        },
    )
    assert made["Each"].settings["typeProperties"] == {"items": "@x"}
    assert [a.name for a in made["Each"].bodies["each"].in_order()] == ["In", "Then"]
    assert set(made["Loop"].bodies) == {"pass"}
    assert set(made["Check"].bodies) == {"true"}


def test_of_cases_with_one_value_the_first_is_taken() -> None:
    """A case without activities is a hit too, and keeps the default from running."""
    cases = [
        {"value": "a", "activities": [wait("First")]},
        {"value": "a", "activities": [wait("Second")]},
        {"value": "b"},
    ]
    properties = {"on": "@x", "cases": cases, "defaultActivities": [wait("Else")]}
    switch = compiled({"name": "S", "type": "Switch", "typeProperties": properties})["S"]
    assert {name: [a.name for a in body.activities] for name, body in switch.bodies.items()} == {
        "case:a": ["First"],
        "case:b": [],
        "default": ["Else"],
    }
    assert switch.settings["typeProperties"] == {"on": "@x", "cases": [{"value": "a"}, {"value": "a"}, {"value": "b"}]}


@pytest.mark.parametrize(
    ("activity", "policy", "dynamic"),
    [
        ({"type": "Copy"}, Policy(timeout_seconds=604_800.0, max_interval_seconds=86_400.0), {}),
        (
            {"type": "WebActivity", "policy": {"timeout": "0.12:00:00", "retry": "2", "retryIntervalInSeconds": 1}},
            Policy(2, 1.0, timeout_seconds=43_200.0, max_interval_seconds=86_400.0),
            {},
        ),
        (
            {"type": "Copy", "policy": {"timeout": "@p", "retry": 1, "secureInput": True}},
            Policy(timeout_seconds=604_800.0, max_interval_seconds=86_400.0),
            {"timeout": "@p", "retry": 1},
        ),
        ({"type": "Wait", "policy": {"retry": 3}}, Policy(), {}),
        ({"type": "WebHook"}, Policy(timeout_seconds=600.0), {}),
        ({"type": "Until", "typeProperties": {"timeout": "00:00:05"}}, Policy(timeout_seconds=5.0), {}),
        ({"type": "Until", "typeProperties": {"timeout": "@t"}}, Policy(timeout_seconds=604_800.0), {"timeout": "@t"}),
    ],
)
def test_a_policy_is_read_before_the_run_where_it_can_be(activity: Any, policy: Policy, dynamic: Any) -> None:
    """Expressions in a policy wait for the run; activities of control have none but their own time."""
    made = compiled({"name": "A", **activity})["A"]
    assert (made.policy, dict(made.dynamic_policy)) == (policy, dynamic)


def test_inactive_activities_know_their_mark() -> None:
    """Words are read in any case; without a mark it is Succeeded."""
    made = compiled(wait("A", state="Inactive"), wait("B", state="inactive", onInactiveMarkAs="skipped"))
    assert (made["A"].inactive, made["A"].inactive_as) == (True, Condition.SUCCEEDED)
    assert (made["B"].inactive, made["B"].inactive_as) == (True, Condition.SKIPPED)


@pytest.mark.parametrize(
    ("activities", "failing", "text"),
    [
        ([wait("A"), wait("a")], "a (2)", "belongs to several"),
        ([wait("A", on("Nobody"))], "A", "'Nobody'"),
        ([wait("A", on("A"))], "A", "no other activity"),
        ([wait("A"), wait("B", on("A", "Sometimes"))], "B", "conditions other than"),
        ([wait("A", on("B")), wait("B", on("A"))], "B", "circle"),
        ([{"type": "Wait"}], "Activity 1", "no name"),
        (["odd"], "Activity 1", "no object"),
        ([wait("a/b")], "a_b", "slash"),
    ],
)
def test_what_makes_no_sense_fails_when_it_is_reached(activities: list[Any], failing: str, text: str) -> None:
    """A stored document always has a plan; what is wrong is said by the activity that is concerned."""
    activity = compiled(*activities)[failing]
    assert activity.kind == "fail"
    properties: Any = activity.settings["typeProperties"]
    assert text in properties["message"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "type",
                    "typeProperties",
                    "activities",
                    "cases",
                    "dependsOn",
                    "activity",
                    "policy",
                    "timeout",
                    "value",
                    "state",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(st.lists(_JSON, max_size=4), st.sampled_from(["ForEach", "Switch", "IfCondition", "Wait"]))
@settings(max_examples=60)
def test_no_document_is_refused_and_every_plan_can_be_kept(elements: list[Any], type_name: str) -> None:
    """Whatever was stored compiles, and is read from the ledger as it was written."""
    container = {"name": "C", "type": type_name, "typeProperties": {"activities": elements, "cases": elements}}
    plan = compile_plan("p", {"activities": [*elements, container]})
    assert encode(decode(Plan, encode(plan), what="the plan")) == encode(plan)
