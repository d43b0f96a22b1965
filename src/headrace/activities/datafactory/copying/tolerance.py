"""What a copy may leave out, and where it tells of it (contract 9.9)."""

from headrace.activities.datafactory.attempt import Attempt
from headrace.activities.datafactory.datasets import Connecting, open_place, split_path
from headrace.activities.datafactory.linked import linked_service
from headrace.activities.datafactory.properties import Properties
from headrace.core.codec import Json
from headrace.dataplane.transfer.request import LogPlace, Place, SessionLog, SkippedFiles, Tolerance

_CONTAINERS = ("amazons3", "amazons3compatible", "azureblobstorage", "azureblobfs")


def tolerance_of(attempt: Attempt, connecting: Connecting, given: Properties) -> Tolerance:
    """Return what the evaluated properties of a copy say of faulty rows and files, checks and logs.

    Raises:
        Refused: a property makes no sense.
    """
    redirect = given.part("redirectIncompatibleRowSettings")
    return Tolerance(
        skip_rows=given.flag("enableSkipIncompatibleRow"),
        files=_skipped_files(given),
        verify=given.flag("validateDataConsistency"),
        log=_session_log(attempt, connecting, given),
        redirect=log_place(attempt, connecting, redirect) if redirect.given else None,
    )


def log_place(attempt: Attempt, connecting: Connecting, given: Properties) -> LogPlace:
    """Return the folder that ``{linkedServiceName, path}`` means: in an object store the path begins with the container.

    Raises:
        Refused: a property makes no sense.
    """
    reference: Json = given.raw("linkedServiceName")
    if isinstance(reference, str):
        reference = {"referenceName": reference, "type": "LinkedServiceReference"}
    service = linked_service(attempt, connecting.documents, reference, given.name_of("linkedServiceName"))
    steps = split_path(given.text("path"), f"property '{given.name_of('path')}'")
    location: dict[str, Json] = {}
    if service.type.lower() in _CONTAINERS:
        name = steps[0] if steps else ""
        location, steps = {"container": name, "bucketName": name, "fileSystem": name}, steps[1:]
    place, _ = open_place(attempt, connecting, service, location)
    return LogPlace(place, "/".join(steps))


def shown_path(place: Place, path: str) -> str:
    """Return where something below a place is, as outputs show it: with the container, where there is one."""
    options = {} if place.connection is None else place.connection.options
    container = options.get("bucket") or options.get("container") or ""
    return f"{container}/{path}" if container and path else path


def _skipped_files(given: Properties) -> SkippedFiles | None:
    if "skipErrorFile" not in given:
        return None
    files = given.part("skipErrorFile")
    inconsistent = files.flag("dataInconsistency")
    if inconsistent and not given.flag("validateDataConsistency"):
        raise files.wrong("dataInconsistency", "needs 'validateDataConsistency', which finds such files")
    return SkippedFiles(
        files.flag("fileMissing", default=True),
        files.flag("fileForbidden"),
        inconsistent,
        files.flag("invalidFileName"),
    )


def _session_log(attempt: Attempt, connecting: Connecting, given: Properties) -> SessionLog | None:
    settings, older = given.part("logSettings"), given.part("logStorageSettings")
    if settings.given and settings.flag("enableCopyActivityLog", default=True):
        how = settings.part("copyActivityLogSettings")
        where = log_place(attempt, connecting, settings.part("logLocationSettings"))
    elif older.given:
        how, where = older, log_place(attempt, connecting, older)
    else:
        return None
    level = how.word("logLevel", ("Warning", "Info"), "warning")
    return SessionLog(where, everything=level == "info", reliable=how.flag("enableReliableLogging"))
