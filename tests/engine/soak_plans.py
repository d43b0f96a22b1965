"""Random nested plans for the soak, and what is to have happened when a run of one has succeeded."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine_desk import activity
from engine_pipelines import container, nested, rebuilt
from headrace.core.flow import Activity, Plan, Policy

_DEEPEST = 3


@dataclass
class Drawn:
    """A plan that was drawn; ``fails``: an activity fails in the first run of a group, and in no later one."""

    chance: random.Random
    fails: bool = False
    count: int = 0
    plan: Plan = field(default_factory=lambda: Plan(()))

    @classmethod
    def draw(cls, chance: random.Random) -> "Drawn":
        """Return a plan of up to three levels of containers."""
        drawn = cls(chance)
        drawn.plan = nested(*drawn._activities(0, again=False))
        return drawn

    def _activities(self, depth: int, *, again: bool) -> list[Activity]:
        made: list[Activity] = []
        for _ in range(self.chance.randint(2, 4) if depth == 0 else self.chance.randint(1, 3)):
            before = [one.name for one in made]
            after = self.chance.sample(before, self.chance.randint(0, min(2, len(before))))
            made.append(self._one(depth, after, again=again))
        return made

    def _one(self, depth: int, after: list[str], *, again: bool) -> Activity:
        self.count += 1
        name = f"n{self.count}"
        if depth < _DEEPEST and self.chance.random() < (0.75 if depth == 0 else 0.3):
            return self._container(name, depth, after, again=again)
        kinds = ["deliver", "deliver", "append", "flaky", "wait", "hear", "patient", "mended", "append"]
        kind = self.chance.choice(kinds)
        if kind == "append" and not again:
            return rebuilt(name, name, after)
        if kind == "mended":
            self.fails = True
            return activity(name, kind, after)
        if kind == "flaky":
            return activity(name, kind, after, policy=Policy(retries=1, interval_seconds=self.chance.choice([0, 0.7])))
        if kind in {"wait", "patient"}:
            return activity(name, kind, after, {"seconds": self.chance.choice([0.05, 0.3, 0.9])})
        return activity(name, "hear" if kind == "hear" else "deliver", after, {"seconds": self.chance.choice([0, 0.1])})

    def _container(self, name: str, depth: int, after: list[str], *, again: bool) -> Activity:
        kind = self.chance.choice(["each", "each", "if", "times"])
        inner = self._activities(depth + 1, again=again or kind == "times")
        if kind == "each":
            settings = {"items": self.chance.randint(1, 6), "lanes": self.chance.randint(1, 4)}
            return container(name, "each", {"each": inner}, after, settings)
        if kind == "if":
            return container(name, "if", {"yes": inner, "no": [activity(f"{name}no")]}, after, {"on": "yes"})
        return container(name, "times", {"pass": inner}, after, {"times": self.chance.randint(1, 3)})


def expected(plan: Plan, at: str = "") -> Iterator[tuple[str, Activity]]:
    """Yield path and activity of everything that succeeds in a first run in which nothing fails."""
    for one in plan.activities:
        path = f"{at}/{one.name}" if at else one.name
        yield path, one
        if one.kind == "each":
            for number in range(int(str(one.settings["items"]))):
                yield from expected(one.bodies["each"], f"{path}/{number}")
        elif one.kind == "if":
            yield from expected(one.bodies["yes"], f"{path}/yes")
        elif one.kind == "times":
            for number in range(int(str(one.settings["times"]))):
                yield from expected(one.bodies["pass"], f"{path}/{number}")


def passes(plan: Plan, at: str = "") -> Iterator[str]:
    """Yield the beginnings of paths inside of counted loops: a recovery begins these anew with the last pass."""
    for path, one in expected(plan, at):
        if one.kind == "times":
            yield f"{path}/"


def appended(plan: Plan) -> Counter[str]:
    """Return what the variable ``all`` holds at the end."""
    return Counter(one.name for _, one in expected(plan) if one.kind == "append")
