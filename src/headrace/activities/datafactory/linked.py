"""Datasets and linked services as activities refer to them: evaluated with their parameters, secrets opened (contract 7.6 and 15)."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from headrace.activities.datafactory.attempt import Attempt, Object, reference_name, refused
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.templates import evaluate

DATASET = "dataset"
"""The kind of documents that are datasets."""
LINKED_SERVICE = "linked_service"
"""The kind of documents that are linked services."""
_CHANCE = random.SystemRandom()


class Documents(Protocol):
    """The documents of factories, for who executes them."""

    def find(self, scope: str, kind: str, name: str) -> tuple[str, Object] | None:
        """Return name and ``properties`` of a document, its secrets in their places; None: there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Definition:
    """A dataset or linked service, evaluated."""

    name: str
    properties: Object

    @property
    def type(self) -> str:
        """Return its type."""
        return str(self.properties.get("type", ""))

    @property
    def type_properties(self) -> Object:
        """Return its ``typeProperties``."""
        found = self.properties.get("typeProperties")
        return found if isinstance(found, Mapping) else {}

    def document(self) -> Object:
        """Return it as endpoints are handed it."""
        return {"name": self.name, "properties": self.properties}


def dataset(attempt: Attempt, documents: Documents, reference: Json, what: str) -> Definition:
    """Return the dataset that an evaluated reference names, with the reference's parameters over its defaults.

    Raises:
        Refused: there is none. Problem: an expression in it cannot be evaluated.
    """
    name, properties, parameters = _look_up(attempt, documents, DATASET, reference, what)
    return _evaluated(attempt, name, properties, FixedState(dataset_parameters=parameters))


def linked_service(attempt: Attempt, documents: Documents, reference: Json, what: str) -> Definition:
    """Return the linked service that an evaluated reference names, with the reference's parameters over its defaults.

    Raises:
        Refused: there is none. Problem: an expression in it cannot be evaluated.
    """
    name, properties, parameters = _look_up(attempt, documents, LINKED_SERVICE, reference, what)
    return _evaluated(attempt, name, properties, FixedState(linked_service_parameters=parameters))


def _look_up(
    attempt: Attempt, documents: Documents, kind: str, reference: Json, what: str
) -> tuple[str, Object, dict[str, Json]]:
    name = reference_name(reference, what)
    found = documents.find(attempt.task.scope, kind, name)
    if found is None:
        word = "dataset" if kind == DATASET else "linked service"
        raise refused(BAD_REQUEST, f"The {word} '{name}' does not exist.", Code.NOT_FOUND)
    properties = found[1]
    attempt.hide_within(properties)
    given = reference.get("parameters") if isinstance(reference, Mapping) else None
    return found[0], properties, _parameters(properties, given if isinstance(given, Mapping) else {})


def _evaluated(attempt: Attempt, name: str, properties: Object, parameters: FixedState) -> Definition:
    state = replace(parameters, instant=attempt.installation.clock.now(), chance=_CHANCE)
    given = [dict(parameters.dataset_parameters or {}), dict(parameters.linked_service_parameters or {})]
    values = {
        key: attempt.recalled([value, *given], partial(evaluate, value, state))
        if key in {"typeProperties", "linkedServiceName"}
        else value
        for key, value in properties.items()
    }
    attempt.hide_within(values)
    return Definition(name, values)


def _parameters(properties: Object, given: Object) -> dict[str, Json]:
    """Return the values of the parameters that a document declares, named as it names them; given ones it does not declare are kept too."""
    declared = properties.get("parameters")
    declared = declared if isinstance(declared, Mapping) else {}
    lowered = {name.lower(): value for name, value in given.items()}
    values: dict[str, Json] = {}
    for name, entry in declared.items():
        if name.lower() in lowered:
            values[name] = lowered.pop(name.lower())
        elif isinstance(entry, Mapping) and "defaultValue" in entry:
            values[name] = entry["defaultValue"]
    return {**values, **{name: value for name, value in given.items() if name.lower() in lowered}}
