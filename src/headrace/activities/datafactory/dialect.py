"""The dialect of Data Factory pipelines: how their expressions are evaluated, and how failures are put."""

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.activities.datafactory.system import RunState
from headrace.activities.datafactory.words import inner_failed, target_failed
from headrace.core.clock import Clock
from headrace.core.codec import Json
from headrace.core.dialect import Surroundings
from headrace.core.flow import Activity, Policy
from headrace.core.outcome import Failure
from headrace.language.datafactory.policy import DEFAULT_TIMEOUT, read_policy
from headrace.language.datafactory.templates import evaluate
from headrace.service.sealing import Sealer

NAME = "datafactory"
"""What plans call this dialect."""


@dataclass(frozen=True, slots=True)
class PipelineDialect:
    """A ``core.dialect.Dialect``. ``sealer`` opens SecureStrings among a run's parameters."""

    clock: Clock
    sealer: Sealer

    def evaluate(self, template: Json, surroundings: Surroundings) -> Json:
        """Return ``template`` with its expressions evaluated.

        Raises:
            Problem: ``EXPRESSION_SYNTAX``, ``EXPRESSION_TYPE`` or ``UNKNOWN_FUNCTION``, with the service's message.
        """
        return evaluate(template, RunState(surroundings, self.clock, self.sealer))

    def policy(self, activity: Activity, surroundings: Surroundings) -> Policy:
        """Return the policy that ``activity.dynamic_policy`` says now.

        Raises:
            Problem: as ``evaluate``; ``INVALID``: it is no policy.
        """
        written = {name: self.evaluate(value, surroundings) for name, value in activity.dynamic_policy.items()}
        return read_policy(written, default_timeout=activity.policy.timeout_seconds or DEFAULT_TIMEOUT)

    def body_failed(self, culprits: Sequence[tuple[str, Failure]]) -> Failure:
        """Return why a container failed (contract 7.3)."""
        return inner_failed(culprits)

    def run_failed(self, culprits: Sequence[tuple[str, Failure]]) -> Failure:
        """Return why a run failed (contract 7.3)."""
        return target_failed(culprits)
