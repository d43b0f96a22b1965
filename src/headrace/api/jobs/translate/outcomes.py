"""What an outcome may say (contract 3.2). It is kept verbatim, unknown keys too; a known one of another form would break strict clients."""

from collections.abc import Callable, Mapping

from headrace.api.jobs.members import Members

TRIGGERS = ("manual", "automatic", "automatic_silent")
_AUDIENCES = ("originator", "all")


def check_outcome(asked: Members) -> None:
    """Note what is wrong in an outcome."""
    for name in ("acknowledge", "hideDefaultButton"):
        asked.flag(name)
    for name in ("buttonText", "heading", "message"):
        asked.text(name)
    trigger = asked.value("trigger")
    if isinstance(trigger, Mapping):
        of = asked.inside("trigger", trigger)
        of.required_one_of("type", TRIGGERS)
        of.one_of("audience", _AUDIENCES)
    else:
        asked.one_of("trigger", TRIGGERS)
    following = asked.object("next")
    if following is not None:
        _check_next(asked.inside("next", following))


def _check_next(asked: Members) -> None:
    kind = asked.required_one_of("type", tuple(_NEXT))
    if kind:
        asked.text("label")
        _NEXT[kind](asked)


def _id(asked: Members) -> None:
    asked.required_text("id")
    asked.text("path")
    asked.text("query")


def _url(asked: Members) -> None:
    asked.required_text("url")


def _download(asked: Members) -> None:
    asked.required_text("url")
    asked.text("fileName")


def _files(asked: Members) -> None:
    files = asked.items("files")
    if files is None:
        asked.wrong("files", "is required")
    for number, file in enumerate(files or ()):
        if isinstance(file, Mapping):
            of = asked.inside(f"files[{number}]", file)
            of.required_text("fileId")
            of.text("label")
        else:
            asked.wrong(f"files[{number}]", "must be an object")


def _wait(asked: Members) -> None:
    asked.flag("fade")
    asked.flag("confetti")


def _snapshot(asked: Members) -> None:
    asked.required_text("snapshotId")
    asked.required_text("sheetId")


def _retry(_: Members) -> None:
    return


def _view(asked: Members) -> None:
    asked.required_text("sheetId")
    if asked.texts("hiddenColumns") is None and not asked.has("hiddenColumns"):
        asked.wrong("hiddenColumns", "is required")


def _clear_filters(asked: Members) -> None:
    asked.texts("sheetIds")


_NEXT: Mapping[str, Callable[[Members], None]] = {
    "id": _id,
    "url": _url,
    "download": _download,
    "files": _files,
    "wait": _wait,
    "snapshot": _snapshot,
    "retry": _retry,
    "view": _view,
    "clearFilters": _clear_filters,
}
