"""Kind ``replay``: corrected rejects of a batch are promoted as a batch of their own, and what it accepts is resolved."""

from dataclasses import replace

from headrace.activities.promote import Promoting
from headrace.core.codec import decode
from headrace.core.outcome import Outcome
from headrace.core.task import Context, Task, WorkFunction
from headrace.dataplane.promotion.promote import promote
from headrace.dataplane.quarantine.corrected import accepted
from headrace.service.replays import ReplaySettings


def replay_activity(installation: Promoting) -> WorkFunction:
    """Return the function that plays corrected rejects again.

    The output's ``resolved`` are the numbers of the first batch's rejects that were accepted; the engine writes them together with the
    activity's end. They follow from what was landed and what was rejected again, so a repeated attempt finds the same.
    """

    def act(task: Task, context: Context) -> Outcome:
        settings = decode(ReplaySettings, task.settings, what=f"activity {task.path!r}")
        outcome = promote(
            settings.promote,
            settings.landing,
            task,
            context,
            batch_id=installation.batch_id(task),
            roots=installation.roots,
            limits=installation.limits,
            language=installation.language,
        )
        if outcome.failure is not None or outcome.batch is None:
            return outcome
        resolved = accepted(installation.roots, settings.numbers, outcome.batch.batch_id)
        return replace(outcome, output={**outcome.output, "resolved": resolved})

    return act
