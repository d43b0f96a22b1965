"""Kind ``upload``: files that a client has sent become a landing, which promotion reads like any other."""

from headrace.core.codec import decode, encode
from headrace.core.landing import Landing
from headrace.core.outcome import Figures, Outcome
from headrace.core.settings import UploadSettings
from headrace.core.task import Context, Task, WorkFunction
from headrace.dataplane import landing, uploads
from headrace.dataplane.storage import Roots, disk_full

KIND = "upload"


def upload_activity(roots: Roots) -> WorkFunction:
    """Return the function that lays uploaded files down.

    They are linked, where landing and uploads lie on one disk, else copied; the upload's own folder is left alone, so that it can be done again.
    """

    def act(task: Task, context: Context) -> Outcome:
        settings = decode(UploadSettings, task.settings, what=f"activity {task.path!r}")
        done = landing.finished(roots, task)
        if done is None:
            folder = landing.begin(roots, task)
            try:
                landed = []
                for number, file in enumerate(settings.files, 1):
                    context.cancellation.check()
                    landed.append(uploads.lay_down(roots, settings.folder, file, folder, number))
            except OSError as error:
                raise disk_full(error, roots.landing) or error from error
            total, count = sum(file.bytes for file in landed), len(landed)
            figures = Figures(bytes_read=total, bytes_written=total, files_read=count, files_written=count)
            done = folder.finish(Landing(tuple(landed)), figures)
        return Outcome({"landing": encode(done.landing)}, done.figures)

    return act
