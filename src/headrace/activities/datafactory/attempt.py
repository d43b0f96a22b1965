"""One attempt at an activity of a pipeline: what its document says, evaluated; what is shown of it; and how it fails in words of its own.

Every function of this package is written against ``Attempt``; ``activity`` makes an ``ActivityFunction`` of it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from headrace.activities.datafactory.masking import (
    KEPT_LEAST,
    masked,
    masked_text,
    secure_string,
    without_secrets,
)
from headrace.activities.datafactory.words import BAD_REQUEST, INVALID_TEMPLATE
from headrace.core import run_log
from headrace.core.clock import Clock
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Expansion, Failure, Outcome, Pause
from headrace.core.run import Run
from headrace.core.task import ActivityFunction, DynamicContext, Task
from headrace.language.datafactory.values import kind_of, text_of
from headrace.service.sealing import Sealer
from headrace.service.secret_values import is_sealed, open_value

Object: TypeAlias = Mapping[str, Json]
Result: TypeAlias = "Outcome | Pause | Expansion"

MAX_PAYLOAD = 4 << 20
"""Bytes of JSON that an attempt's input and output may have together."""
_TOO_LONG = "The length of execution output is over limit (around 4MB currently)."
_TOO_LONG_CODE = "2001"
_MOST_USER_PROPERTIES = 5
_SEALED = "encryptedCredential"
"""Where the door puts the secrets of a document."""


class Refused(Exception):
    """The activity fails with an error code of its own; ``output`` is shown all the same."""

    def __init__(self, failure: Failure, output: Object | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.output = output or {}


def refused(label: str, message: str, code: Code = Code.INVALID, output: Object | None = None) -> Refused:
    """Return the failure with errorCode ``label``; ``code`` says whose fault it is, and whether trying again may help."""
    return Refused(Failure(code, message, label=label), output)


@dataclass(frozen=True, slots=True)
class Installation:
    """What all functions need.

    ``run_of`` returns a run of the ledger; its details never change, so it may be an earlier look. ``open_secrets`` puts the secrets of
    the document of a pipeline back into a part of its definition; it is given the pipeline's scope and name.
    """

    clock: Clock
    sealer: Sealer
    run_of: Callable[[str], Run]
    open_secrets: Callable[[Object, str, str], Object]


@dataclass(slots=True)
class Attempt:
    """One attempt.

    ``secrets`` are texts that nothing that is shown may have; ``noted`` is what was noted as the input; ``max_payload`` are the bytes of JSON
    that it and the output may have together. ``memory`` is what ``recalled`` gave so far, by digests (None: nothing is remembered).
    """

    installation: Installation
    task: Task
    context: DynamicContext
    secrets: set[str] = field(default_factory=set)
    noted: Json = None
    max_payload: int = MAX_PAYLOAD
    memory: dict[str, Json] | None = None
    _given: Object | None = None
    _known: int = 0

    @property
    def name(self) -> str:
        """Return the activity's name."""
        return self.task.path.rpartition("/")[2]

    @property
    def type(self) -> str:
        """Return the activity's type, as its document has it."""
        return str(self.task.settings.get("type", ""))

    @property
    def run(self) -> Run:
        """Return the run that the attempt belongs to."""
        return self.installation.run_of(self.task.run_id)

    @property
    def properties(self) -> Object:
        """Return ``typeProperties``, not evaluated, with the secrets of the document in their places."""
        raw = self.task.settings.get("typeProperties")
        if not isinstance(raw, Mapping):
            return {}
        if not _has_sealed(raw):
            return raw
        run = self.run
        return self.installation.open_secrets(raw, run.scope, str(run.details.get("pipeline", run.flow_name)))

    def raw(self, name: str) -> Json:
        """Return one of ``typeProperties``, not evaluated; None: it is not there."""
        return self.properties.get(name)

    def evaluate(self, template: Json, *items: Json) -> Json:
        """Return ``template`` evaluated; secrets in it are not shown from then on.

        Raises:
            Problem: as ``DynamicContext.evaluate``.
        """
        value = self.recalled([template, *items], lambda: self.context.evaluate(template, *items))
        self.hide_within(value)
        return value

    def recalled(self, what: Json, make: Callable[[], Json]) -> Json:
        """Return what ``make`` gives; ``what`` tells it from others.

        With a memory, an attempt that is gone on with after a crash gets what was given before.
        """
        if self.memory is None:
            return make()
        key = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()
        if key not in self.memory:
            self.memory[key] = make()
        return self.memory[key]

    def given(self, *without: str) -> dict[str, Json]:
        """Return ``typeProperties``, evaluated; those in ``without`` stay as they are. When the attempt begins they are noted as its input.

        Raises:
            Problem: as ``evaluate``. Refused: too long.
        """
        raw = self.properties
        values = {key: value if key in without else self.evaluate(value) for key, value in raw.items()}
        if self.task.resumed is None:
            self.show_input(values)
        return values

    def show_input(self, values: Object) -> None:
        """Note the input, the user's properties, and what of all that is secret, beside the attempt.

        Raises:
            Problem: as ``evaluate``. Refused: too long.
        """
        shown = masked(without_secrets(values), self.secrets)
        if _size(shown) > self.max_payload:
            raise too_long()
        self.noted, self._given, self._known = shown, values, len(self.secrets)
        policy = self.task.settings.get("policy")
        policy = policy if isinstance(policy, Mapping) else {}
        secure = flag(self.evaluate(policy.get("secureInput")), "secureInput")
        self.context.note(
            {
                "input": {} if secure else shown,
                "userProperties": self._user_properties(),
                "secureInput": secure,
                "secureOutput": flag(self.evaluate(policy.get("secureOutput")), "secureOutput"),
            }
        )

    def hide_in_input(self) -> None:
        """Keep what has been found out to be a secret since the input was noted out of it, too."""
        if self._given is not None and len(self.secrets) > self._known:
            self.show_input(self._given)

    def hide(self, *secrets: str) -> None:
        """Keep these texts out of all that is shown."""
        self.secrets.update(secret for secret in secrets if secret)
        run_log.hide(self.secrets)

    def finished(self, result: Result) -> Result:
        """Return ``result`` as it may be kept: within limits, and without secrets."""
        self.hide_in_input()
        if isinstance(result, Expansion):
            return result
        output = _object(masked(result.output, self.secrets, KEPT_LEAST))
        if isinstance(result, Pause):
            return replace(result, output=output)
        failure = result.failure
        if failure is not None:
            message, label = (masked_text(text, self.secrets) for text in (failure.message, failure.label))
            failure = replace(failure, message=message, label=label)
        elif _size(output) + _size(self.noted) > self.max_payload:
            return Outcome(failure=too_long().failure)
        return replace(result, output=output, failure=failure)

    def _user_properties(self) -> dict[str, Json]:
        written = self.task.settings.get("userProperties")
        listed = written if isinstance(written, Sequence) and not isinstance(written, str) else []
        found = [item for item in listed if isinstance(item, Mapping) and isinstance(item.get("name"), str)]
        texts = {str(item["name"]): text_of(self.evaluate(item.get("value"))) for item in found[:_MOST_USER_PROPERTIES]}
        return {name: masked_text(text, self.secrets) for name, text in texts.items()}

    def hide_within(self, value: Json) -> None:
        """Keep the SecureStrings in ``value`` out of all that is shown."""
        secret = secure_string(value)
        if secret is not None:
            self.hide(secret)
        elif isinstance(value, Mapping):
            for item in value.values():
                self.hide_within(item)
        elif isinstance(value, list):
            for item in value:
                self.hide_within(item)


def activity(installation: Installation, act: Callable[[Attempt], Result]) -> ActivityFunction:
    """Return ``act`` as the engine calls it."""

    def begin(task: Task, context: DynamicContext) -> Result:
        attempt = Attempt(installation, task, context)
        attempt.hide(*_secure_parameters(attempt))
        try:
            return attempt.finished(act(attempt))
        except Refused as refusal:
            return attempt.finished(Outcome(refusal.output, failure=refusal.failure))
        except Problem as problem:
            # What an expression complains of may be the secret itself.
            message = masked_text(problem.message, attempt.secrets)
            if message == problem.message:
                raise
            raise Problem(problem.code, message, problem.fields, problem.context) from problem

    return begin


def too_long() -> Refused:
    """Return the failure of an attempt that takes or gives more than may be kept."""
    return refused(_TOO_LONG_CODE, _TOO_LONG, Code.LIMIT_EXCEEDED)


def reference_name(reference: Json, what: str) -> str:
    """Return the ``referenceName`` of a reference to another document.

    Raises:
        Refused: there is none.
    """
    name = reference.get("referenceName") if isinstance(reference, Mapping) else None
    if not isinstance(name, str) or not name:
        raise refused(BAD_REQUEST, f"The property '{what}' must be a reference with a 'referenceName'.")
    return name


def flag(value: Json, what: str, *, default: bool = False) -> bool:
    """Return a boolean property; texts ``true`` and ``false`` count as such.

    Raises:
        Refused: it is something else.
    """
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise wrong_type(what, "a boolean", value)


def whole_number(value: Json, what: str, *, least: int = 0, most: int | None = None) -> int:
    """Return an integer property; integral floats and texts of digits count as such.

    Raises:
        Refused: it is something else, or out of its range.
    """
    number = _integer(value)
    if number is None:
        raise wrong_type(what, "an integer", value)
    if number < least or (most is not None and number > most):
        allowed = f"{least} or more" if most is None else f"{least} to {most}"
        raise refused(BAD_REQUEST, f"The property '{what}' is {number}; allowed is {allowed}.")
    return number


def text_property(value: Json, what: str) -> str:
    """Return a property that has to be a text with something in it.

    Raises:
        Refused: it is something else.
    """
    if not isinstance(value, str):
        raise wrong_type(what, "a non-empty string", value)
    if not value:
        raise refused(BAD_REQUEST, f"The property '{what}' must be a non-empty string; it is empty.")
    return value


def wrong_type(what: str, expected: str, value: Json) -> Refused:
    """Return the failure of a property that has a value of another type."""
    return refused(BAD_REQUEST, f"The property '{what}' must be {expected}; it is of type '{kind_of(value)}'.")


def wrong_result(name: str, of: str, expression: Json, value: Json, expected: str) -> Refused:
    """Return the failure of an expression that gave a value of another type than the activity goes on with."""
    message = (
        f"The execution of template action '{name}' failed: the result of the evaluation of {of} expression "
        f"'{expression_text(expression)}' is of type '{kind_of(value)}'. The result must be a valid {expected}."
    )
    return refused(INVALID_TEMPLATE, message, Code.EXPRESSION_TYPE)


def expression_text(template: Json) -> str:
    """Return an expression as it is written."""
    if isinstance(template, Mapping) and isinstance(template.get("value"), str):
        return str(template["value"])
    return template if isinstance(template, str) else text_of(template)


def _integer(value: Json) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None
    return None


def _secure_parameters(attempt: Attempt) -> list[str]:
    """Return the values of the run's SecureStrings."""
    task, sealer = attempt.task, attempt.installation.sealer
    opened = (open_value(sealer, task.scope, value) for value in task.parameters.values() if is_sealed(value))
    return [value for value in opened if isinstance(value, str)]


def _has_sealed(value: Json) -> bool:
    """Say whether there may be secrets of the document somewhere in a part of a definition."""
    if isinstance(value, Mapping):
        return _SEALED in value or any(map(_has_sealed, value.values()))
    return isinstance(value, list) and any(map(_has_sealed, value))


def _size(value: Json) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _object(value: Json) -> Object:
    return value if isinstance(value, Mapping) else {}
