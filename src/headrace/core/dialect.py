"""Dialects: how expressions in an activity's settings are evaluated, and how failures are put, in the words of a door.

The engine knows no language. A plan names its dialect, and bootstrap hands the engine what is behind the name.
"""

from collections.abc import Sequence
from typing import Protocol

from headrace.core.codec import Json
from headrace.core.flow import Activity, Policy
from headrace.core.outcome import Failure
from headrace.core.run import ActivityRun, Run


class Surroundings(Protocol):
    """What an expression may refer to, looked up when it is asked for. Names are compared without regard to letter case."""

    @property
    def run(self) -> Run:
        """Return the run."""
        ...

    @property
    def path(self) -> str:
        """Return the path of the activity whose settings are evaluated."""
        ...

    def item(self) -> Json:
        """Return the item of the innermost loop.

        Raises:
            LookupError: there is no loop around.
        """
        ...

    def variable(self, name: str) -> Json:
        """Return the present value of a variable that the run has set.

        Raises:
            LookupError: no activity has set it (its default is the dialect's to know).
        """
        ...

    def ended(self, name: str) -> ActivityRun:
        """Return the newest attempt at the activity of that name.

        It is looked for in the same body, then in the bodies around it, then in bodies beside these that ran once (a branch, the last pass of
        a loop that counts).

        Raises:
            LookupError: there is none there that has ended.
        """
        ...


class Dialect(Protocol):
    """The expressions and the words of one door's plans."""

    def evaluate(self, template: Json, surroundings: Surroundings) -> Json:
        """Return ``template`` with its expressions evaluated.

        Raises:
            Problem: ``EXPRESSION_SYNTAX``, ``EXPRESSION_TYPE`` or ``UNKNOWN_FUNCTION``.
        """
        ...

    def policy(self, activity: Activity, surroundings: Surroundings) -> Policy:
        """Return the policy that ``activity.dynamic_policy`` says now.

        Raises:
            Problem: as ``evaluate``; ``INVALID``: it is no policy.
        """
        ...

    def body_failed(self, culprits: Sequence[tuple[str, Failure]]) -> Failure:
        """Return why a container failed, in whose body these activities (names and failures, in the order of their ends) made it so."""
        ...

    def run_failed(self, culprits: Sequence[tuple[str, Failure]]) -> Failure:
        """Return why a run failed that these activities made so."""
        ...
