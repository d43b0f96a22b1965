"""Every small graph against ten lines that say what the contract of Data Factory says (7.1, 7.2)."""

from collections.abc import Iterator, Mapping
from itertools import combinations, product

import pytest

from headrace.core.flow import Activity, Condition, Dependency, Plan
from headrace.core.progress import outcome, ready
from headrace.core.run import ActivityStatus as A
from headrace.core.run import RunStatus

SINGLE = [frozenset({one}) for one in Condition]
CONDITIONS = SINGLE + [frozenset(pair) for pair in combinations(Condition, 2)]
WAYS: tuple[A | Condition, ...] = (
    *(A.SUCCEEDED, A.FAILED, A.TIMED_OUT),
    # Those of inactive activities.
    *(Condition.SUCCEEDED, Condition.FAILED, Condition.SKIPPED),
)
FEWER_WAYS: tuple[A | Condition, ...] = (A.SUCCEEDED, A.FAILED, Condition.SKIPPED)
Edges = Mapping[str, Mapping[str, frozenset[Condition]]]


def model(edges: Edges, ends: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return how each activity ends and how the run does, where ``ends`` says how those that start (or are inactive) end."""
    said: dict[str, str] = {}
    for name, needs in edges.items():
        met = {up: {said[up]} | ({"completed"} if said[up] != "skipped" else set()) for up in needs}
        starts = ends[name].startswith("marked ") or all(met[up] & needs[up] for up in needs)
        said[name] = ends[name].removeprefix("marked ") if starts else "skipped"
    looked, seen = [n for n in edges if not any(n in needs for needs in edges.values())], set()
    while looked:
        seen.add(name := looked.pop())
        looked += list(edges[name]) if said[name] == "skipped" else []
    return said, "failed" if any(said[name] == "failed" for name in seen) else "succeeded"


def performed(plan: Plan, ends: Mapping[str, A]) -> tuple[dict[str, A], RunStatus]:
    """Return how each activity ends and how the run does, by our own rules."""
    statuses: dict[str, A] = {}
    while True:
        step = ready(plan, statuses)
        statuses |= dict.fromkeys(step.skip, A.SKIPPED) | dict.fromkeys(step.inactive, A.INACTIVE)
        if step.done:
            return statuses, outcome(plan, statuses)
        statuses |= {name: ends[name] for name in step.start}


def graphs(edges: list[tuple[str, str]], conditions: list[frozenset[Condition]]) -> Iterator[Edges]:
    """Yield every graph in which each of ``edges`` is absent or has one of ``conditions``."""
    nodes = sorted({name for edge in edges for name in edge})
    for chosen in product([None, *conditions], repeat=len(edges)):
        graph: dict[str, dict[str, frozenset[Condition]]] = {name: {} for name in nodes}
        for (upstream, name), wanted in zip(edges, chosen, strict=True):
            if wanted is not None:
                graph[name][upstream] = wanted
        yield graph


def agree(edges: Edges, kinds: tuple[A | Condition, ...]) -> None:
    """Hold our rules against the model for one graph and one way in which its activities end; a condition: the mark of an inactive one."""
    ways = dict(zip(edges, kinds, strict=True))
    plan = Plan(
        tuple(
            Activity(
                name,
                "copy",
                depends_on=tuple(Dependency(up, wanted) for up, wanted in needs.items()),
                inactive=isinstance(ways[name], Condition),
                inactive_as=Condition(ways[name].value) if isinstance(ways[name], Condition) else Condition.SUCCEEDED,
            )
            for name, needs in edges.items()
        )
    )
    said, ended = model(edges, {name: _word(way) for name, way in ways.items()})
    statuses, run = performed(plan, {name: A(way) for name, way in ways.items() if isinstance(way, A)})
    mine = {n: _word(ways[n]).removeprefix("marked ") if s is A.INACTIVE else _word(s) for n, s in statuses.items()}
    assert (mine, run.value) == (said, ended), (edges, kinds)


def _word(way: A | Condition) -> str:
    if isinstance(way, Condition):
        return f"marked {way.value}"
    return {"timed_out": "failed"}.get(way.value, way.value)


def test_every_graph_of_two_ends_as_the_contract_says() -> None:
    """All conditions, alone and in pairs, and all ends, those of inactive activities among them."""
    for edges in graphs([("a", "b")], CONDITIONS):
        for kinds in product(WAYS, repeat=2):
            agree(edges, kinds)


def test_every_graph_of_three_ends_as_the_contract_says() -> None:
    """Each of the three possible dependencies absent, or with each condition alone or in a pair; every activity succeeds, fails or is inactive."""
    for edges in graphs([("a", "b"), ("a", "c"), ("b", "c")], SINGLE):
        for kinds in product(FEWER_WAYS, repeat=3):
            agree(edges, kinds)
    for edges in graphs([("a", "b"), ("a", "c"), ("b", "c")], CONDITIONS):
        for kinds in product(FEWER_WAYS[:2], repeat=3):
            agree(edges, kinds)


@pytest.mark.soak
def test_every_graph_of_three_ends_so_in_every_way() -> None:
    """The whole product: all conditions alone and in pairs, all ends, all marks."""
    for edges in graphs([("a", "b"), ("a", "c"), ("b", "c")], CONDITIONS):
        for kinds in product(WAYS, repeat=3):
            agree(edges, kinds)
