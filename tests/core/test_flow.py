"""Plans: graphs of activities."""

from dataclasses import replace

import pytest

from headrace.core.codec import decode, encode
from headrace.core.errors import Problem
from headrace.core.flow import Activity, Condition, Dependency, Plan, Policy


def test_an_activity_stands_after_what_it_depends_on() -> None:
    """Else the plan's own order is kept."""
    plan = Plan((Activity("c", "x", depends_on=(Dependency("b"),)), Activity("a", "x"), Activity("b", "x")))
    assert [activity.name for activity in plan.in_order()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("activities", "words"),
    [
        ((Activity("a", "x"), Activity("a", "y")), "activities[1].name: activity 'a' occurs twice"),
        ((Activity("a", "x", depends_on=(Dependency("z"),)),), "'z' is no activity of this plan"),
        (
            (
                Activity("a", "x", depends_on=(Dependency("b"),)),
                Activity("b", "x", depends_on=(Dependency("a"),)),
            ),
            "depend on each other in a circle: ",
        ),
    ],
)
def test_a_graph_that_no_run_could_follow_is_refused(activities: tuple[Activity, ...], words: str) -> None:
    """Twins, dangling dependencies and circles."""
    with pytest.raises(Problem) as refusal:
        Plan(activities)
    assert words in str(refusal.value)


def test_the_fingerprint_tells_what_an_activity_does_and_nothing_else() -> None:
    """A new timeout or dependency is no reason to copy again; new settings are."""
    activity = Activity("a", "copy", {"x": 1, "y": [True]})
    assert replace(activity, settings={"y": [True], "x": 1}).fingerprint == activity.fingerprint
    assert replace(activity, name="b", policy=Policy(retries=3)).fingerprint == activity.fingerprint
    assert replace(activity, settings={"x": 2, "y": [True]}).fingerprint != activity.fingerprint
    assert replace(activity, kind="promote").fingerprint != activity.fingerprint


def test_the_pause_before_a_try_grows_up_to_its_bound() -> None:
    """The second try waits the interval, each further one times the backoff."""
    policy = Policy(retries=9, interval_seconds=10, backoff=2, max_interval_seconds=35)
    assert [policy.pause_before(attempt) for attempt in (2, 3, 4, 5)] == [10, 20, 35, 35]


def test_a_plan_comes_back_from_the_ledger() -> None:
    """Conditions, policies and settings included."""
    plan = Plan(
        (
            Activity("a", "copy", {"n": None}, policy=Policy(retries=2, timeout_seconds=5)),
            Activity("b", "web", depends_on=(Dependency("a", frozenset({Condition.FAILED, Condition.SKIPPED})),)),
        )
    )
    assert decode(Plan, encode(plan), what="the plan") == plan
