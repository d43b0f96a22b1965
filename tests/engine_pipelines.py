"""A small dialect and the kinds that go with it: containers, pauses and variables for tests of the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from engine_desk import activity, pass_time
from headrace.core.codec import Json, decode
from headrace.core.dialect import Surroundings
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Dependency, OnRecovery, Plan, Policy
from headrace.core.outcome import Expansion, Failure, Outcome, Pause, VariableChange
from headrace.core.task import ActivityFunction, DynamicContext, Task

Culprits = Sequence[tuple[str, Failure]]


class Words:
    """The dialect ``words``: ``@item``, ``@variable x``, ``@output of a``, ``@output of a.key``, ``@status of a``; all else is itself."""

    def evaluate(self, template: Json, surroundings: Surroundings) -> Json:
        """Return ``template`` with its words evaluated."""
        if isinstance(template, Mapping):
            return {name: self.evaluate(value, surroundings) for name, value in template.items()}
        if isinstance(template, Sequence) and not isinstance(template, str):
            return [self.evaluate(value, surroundings) for value in template]
        if not isinstance(template, str) or not template.startswith("@"):
            return template
        return self._word(template[1:], surroundings)

    def _word(self, text: str, surroundings: Surroundings) -> Json:
        word, _, rest = text.partition(" ")
        try:
            if word == "item":
                return surroundings.item()
            if word == "variable":
                return surroundings.variable(rest)
            name, _, key = rest.removeprefix("of ").partition(".")
            row = surroundings.ended(name)
        except LookupError as error:
            raise Problem(Code.EXPRESSION_TYPE, f"{text!r} is not there: {error}") from error
        if word == "status":
            return row.status.value
        if word == "output":
            return row.output.get(key) if key else row.output
        raise Problem(Code.EXPRESSION_SYNTAX, f"{text!r} is no word")

    def policy(self, activity: Activity, surroundings: Surroundings) -> Policy:
        """Return the policy with its words evaluated."""
        return decode(Policy, self.evaluate(activity.dynamic_policy, surroundings), what="the policy")

    def body_failed(self, culprits: Culprits) -> Failure:
        """Return the first culprit's failure, with its name."""
        name, failure = culprits[0]
        return replace(failure, message=f"inside, {name}: {failure.message}")

    def run_failed(self, culprits: Culprits) -> Failure:
        """Return all culprits."""
        told = "; ".join(f"{name}: {failure.message}" for name, failure in culprits)
        return Failure(culprits[0][1].code, told)


def nested(*activities: Activity) -> Plan:
    """Return the plan of these activities in the dialect."""
    return Plan(activities, "words")


def container(
    name: str,
    kind: str,
    bodies: Mapping[str, Sequence[Activity]],
    after: Sequence[str] = (),
    settings: Mapping[str, Json] | None = None,
    policy: Policy = Policy(),
) -> Activity:
    """Return a container."""
    plans = {body: Plan(tuple(inner)) for body, inner in bodies.items()}
    needs = tuple(Dependency(other) for other in after)
    entered = OnRecovery.ENTER
    return Activity(name, kind, settings or {}, needs, policy, bodies=plans, on_recovery=entered)


def rebuilt(name: str, value: Json, after: Sequence[str] = (), kind: str = "append") -> Activity:
    """Return an activity that changes the variable ``all``."""
    made = activity(name, kind, after, {"name": "all", "value": value})
    return replace(made, on_recovery=OnRecovery.REBUILD)


def each(task: Task, context: DynamicContext) -> Expansion:
    """Run the body ``each`` for each of the ``items``."""
    items = context.evaluate(task.settings["items"])
    context.note({"input": {"items": items}})
    made = items if isinstance(items, list | tuple) else range(cast("int", items))
    return Expansion("each", items=tuple(made), lanes=int(str(task.settings.get("lanes", 1))))


def branch(task: Task, context: DynamicContext) -> Expansion:
    """Run the body that ``on`` names."""
    return Expansion(str(context.evaluate(task.settings["on"])))


def until(task: Task, context: DynamicContext) -> Outcome | Expansion:
    """Run the body ``pass`` until the value of ``until`` is that of ``is``, which is looked at after each pass."""
    number = 0
    if task.resumed is not None:
        number = int(str(task.resumed.state["number"])) + 1
        if context.evaluate(task.settings["until"]) == task.settings["is"]:
            return Outcome(output={"passes": number})
    return Expansion("pass", number=number, again=True, state={"number": number})


def append(task: Task, context: DynamicContext) -> Outcome:
    """Put ``value`` behind the elements of the variable ``name``."""
    value = context.evaluate(task.settings["value"])
    change = VariableChange(str(task.settings["name"]), value, append=True, base=[])
    return Outcome(output={"value": value}, changes=(change,))


def assign(task: Task, context: DynamicContext) -> Outcome:
    """Set the variable ``name`` to ``value``."""
    value = context.evaluate(task.settings["value"])
    return Outcome(output={"value": value}, changes=(VariableChange(str(task.settings["name"]), value),))


def hear(task: Task, context: DynamicContext) -> Outcome | Pause:
    """Wait for a signal, and then give its ``say``."""
    context.note({"heard": task.resumed is not None})
    if task.resumed is None:
        return Pause(seconds=60, hears=True, state={"asked": True}, output={"waits": True})
    signal = task.resumed.signal
    if signal is None:
        raise Problem(Code.EXTERNAL_FAILED, "nobody said anything")
    return Outcome(output={"said": signal["say"], "asked": task.resumed.state["asked"]})


def echo(task: Task, context: DynamicContext) -> Outcome:
    """Give back ``value``, evaluated, after ``seconds``; fail where it is ``fail``."""
    value = context.evaluate(task.settings.get("value"))
    pass_time(context, float(str(task.settings.get("seconds", 0))))
    if value == "fail":
        raise Problem(Code.INVALID, "it was told to fail")
    return Outcome(output={"value": value})


PIPELINE_KINDS: Mapping[str, ActivityFunction] = {
    "each": each,
    "if": branch,
    "until": until,
    "append": append,
    "assign": assign,
    "hear": hear,
    "echo": echo,
}
"""Kinds of the dialect, by name."""
