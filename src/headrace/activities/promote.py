"""Kind ``promote``: landed rows are mapped, validated and committed; what is not accepted goes to the quarantine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headrace.core.codec import Json, decode
from headrace.core.errors import Code, Problem
from headrace.core.landing import Landing
from headrace.core.mapping import MappingLanguage
from headrace.core.outcome import Outcome
from headrace.core.settings import PromoteSettings
from headrace.core.task import Context, Task, WorkFunction
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.promote import promote
from headrace.dataplane.storage import Roots

KIND = "promote"


@dataclass(frozen=True, slots=True)
class Promoting:
    """What a promotion needs of the installation. ``batch_id`` names the batch of a task: one for each activity of a run, whatever its attempts."""

    roots: Roots
    limits: Limits
    language: MappingLanguage
    batch_id: Callable[[Task], str]


def promote_activity(installation: Promoting) -> WorkFunction:
    """Return the function that does promotions."""

    def act(task: Task, context: Context) -> Outcome:
        what = f"activity {task.path!r}"
        settings = decode(PromoteSettings, task.settings, what=what)
        return promote(
            settings,
            landing_of(task.inputs.get(settings.landing), settings.landing, what),
            task,
            context,
            batch_id=settings.batch_id or installation.batch_id(task),
            roots=installation.roots,
            limits=installation.limits,
            language=installation.language,
        )

    return act


def landing_of(output: Mapping[str, Json] | None, name: str, what: str) -> Landing:
    """Return the landing in the output of the activity ``name``.

    Raises:
        Problem: ``INVALID``: there is none; ``what`` needs to depend on an activity that lands something.
    """
    if output is None or "landing" not in output:
        raise Problem(
            Code.INVALID, f"{what} reads the landing of {name!r}, which it does not depend on or which lands nothing"
        )
    return decode(Landing, output["landing"], what=f"the landing of {name!r}")
