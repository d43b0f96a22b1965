"""What expressions refer to: a run's system values, variables, activities and the item of a loop. The caller brings it."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.language.datafactory.values import upper

Object = Mapping[str, Json]
T = TypeVar("T")

_EPOCH = Instant(0)


class State(Protocol):
    """What one evaluation sees. Time and chance come in here too.

    Values are JSON as Python's ``json`` reads it: ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool``, None. Results share
    parts with them, so neither may be changed afterwards. The order of keys shows in messages.
    """

    def pipeline(self) -> Object:
        """Return the system values, with ``parameters`` and ``globalParameters`` as objects among them."""
        ...

    def variable(self, name: str) -> Json:
        """Return a variable's value; names compare without case.

        Raises:
            LookupError: it is not declared.
        """
        ...

    def activity(self, name: str) -> Object:
        """Return ``output``, ``error``, ``Status``, … of an activity that has ended; names compare without case.

        Raises:
            LookupError: there is none in scope, or it has not ended.
        """
        ...

    def item(self) -> Json:
        """Return the element that a loop or a filter is at.

        Raises:
            LookupError: the expression stands in no loop.
        """
        ...

    def dataset(self) -> Object | None:
        """Return the dataset's parameters; None outside of a dataset."""
        ...

    def linked_service(self) -> Object | None:
        """Return the linked service's parameters; None outside of a linked service."""
        ...

    def trigger(self) -> Object | None:
        """Return what a trigger tells of its firing; None outside of a trigger's parameters."""
        ...

    def trigger_body(self) -> Object | None:
        """Return the event that fired a trigger; None outside of the parameters of an event's trigger."""
        ...

    def now(self) -> Instant:
        """Return the present instant."""
        ...

    def random(self) -> random.Random:
        """Return where ``rand`` and ``guid`` get their chance from."""
        ...


def named(name: str, of: Mapping[str, T]) -> T:
    """Return the value under ``name``, compared without case; the exact name comes first.

    Raises:
        LookupError: there is none.
    """
    if name in of:
        return of[name]
    found = matching(name, of)
    if found is None:
        raise LookupError(name)
    return of[found]


def matching(name: str, names: Iterable[str]) -> str | None:
    """Return the first of ``names`` that is ``name`` without regard to case, or None."""
    wanted = upper(name)
    return next((each for each in names if upper(each) == wanted), None)


@dataclass(frozen=True, slots=True)
class FixedState:
    """A state that is given as a whole: for the command line, and for tests."""

    system: Object = field(default_factory=dict)
    variables: Object = field(default_factory=dict)
    activities: Mapping[str, Object] = field(default_factory=dict)
    items: tuple[Json, ...] = ()
    """The loop's item, if there is a loop."""
    dataset_parameters: Object | None = None
    linked_service_parameters: Object | None = None
    firing: Object | None = None
    event: Object | None = None
    instant: Instant = _EPOCH
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 — guid() and rand() are no secrets

    @classmethod
    def of(cls, document: Mapping[str, Json], instant: Instant = _EPOCH, chance: random.Random | None = None) -> Self:
        """Return the state that ``document`` describes.

        It may have ``pipeline`` (system values), ``parameters``, ``globalParameters``, ``variables``, ``activities`` (by name:
        ``status``, ``output``, ``error``), ``item``, ``dataset``, ``linkedService``, ``trigger`` and ``triggerBody``. What is
        missing is empty, or not there for expressions.
        """
        system = {
            **_object(document, "pipeline"),
            "parameters": _object(document, "parameters"),
            "globalParameters": _object(document, "globalParameters"),
        }
        activities = {
            name: value for name, value in _object(document, "activities").items() if isinstance(value, Mapping)
        }
        return cls(
            system=system,
            variables=_object(document, "variables"),
            activities=activities,
            items=(document["item"],) if "item" in document else (),
            dataset_parameters=_optional(document, "dataset"),
            linked_service_parameters=_optional(document, "linkedService"),
            firing=_optional(document, "trigger"),
            event=_optional(document, "triggerBody"),
            instant=instant,
            chance=chance or random.Random(0),  # noqa: S311 — guid() and rand() are no secrets
        )

    def pipeline(self) -> Object:
        """Return the system values."""
        return self.system

    def variable(self, name: str) -> Json:
        """Return a variable's value."""
        return named(name, self.variables)

    def activity(self, name: str) -> Object:
        """Return what is known of an activity."""
        return named(name, self.activities)

    def item(self) -> Json:
        """Return the loop's item."""
        if not self.items:
            message = "item"
            raise LookupError(message)
        return self.items[0]

    def dataset(self) -> Object | None:
        """Return the dataset's parameters."""
        return self.dataset_parameters

    def linked_service(self) -> Object | None:
        """Return the linked service's parameters."""
        return self.linked_service_parameters

    def trigger(self) -> Object | None:
        """Return what a trigger tells of its firing."""
        return self.firing

    def trigger_body(self) -> Object | None:
        """Return the event that fired a trigger."""
        return self.event

    def now(self) -> Instant:
        """Return the fixed instant."""
        return self.instant

    def random(self) -> random.Random:
        """Return the given source of chance."""
        return self.chance


def _object(document: Mapping[str, Json], key: str) -> Object:
    return _optional(document, key) or {}


def _optional(document: Mapping[str, Json], key: str) -> Object | None:
    value = document.get(key)
    return value if isinstance(value, Mapping) else None
