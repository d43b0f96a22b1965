"""Kind ``revert``: batches are taken back out of the table that they were committed to."""

from headrace.core.codec import decode
from headrace.core.outcome import Outcome
from headrace.core.settings import RevertSettings
from headrace.core.task import Context, Task, WorkFunction
from headrace.dataplane.lake.reverting import take_back
from headrace.dataplane.lake.tables import table_folder
from headrace.dataplane.storage import Roots

KIND = "revert"


def revert_activity(roots: Roots) -> WorkFunction:
    """Return the function that takes batches back.

    The output's ``reverted`` are the ids of the batches; the engine writes down that their rows are gone together with the activity's end.
    """

    def act(task: Task, context: Context) -> Outcome:
        settings = decode(RevertSettings, task.settings, what=f"activity {task.path!r}")
        context.cancellation.check()
        removed = take_back(table_folder(roots.lake, settings.table), settings.files, settings.batches)
        return Outcome({"reverted": list(settings.batches), "table": settings.table, "removed": removed})

    return act
