"""GetMetadata (contract 8.2): what a file, a folder or a table is."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from headrace.activities.datafactory.attempt import Attempt, Refused, Result, refused, wrong_type
from headrace.activities.datafactory.calls import execution_fields
from headrace.activities.datafactory.copying.asking import open_end
from headrace.activities.datafactory.copying.failures import inner_code
from headrace.activities.datafactory.copying.mapping import TYPE_NAMES
from headrace.activities.datafactory.copying.sources import read_format, read_pack
from headrace.activities.datafactory.datasets import FileData, TableData
from headrace.activities.datafactory.lookup import said
from headrace.activities.datafactory.moving import Moving, machinery
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.words import BAD_REQUEST, UNSUPPORTED_TYPE
from headrace.core.clock import Instant, to_datetime
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.outcome import Outcome
from headrace.dataplane.connectors.files import Child
from headrace.dataplane.connectors.writing import Described
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Bytes, Choice, Documents, FilesSource, Markup

FAILED = "2011"
"""The ``errorCode`` where what is asked for cannot be told."""
_EXISTS = "exists"
_OF_TABLES = frozenset({"structure", "columnCount", _EXISTS})
_KNOWN = (
    *("itemName", "itemType", "size", "created", "lastModified", "childItems", "contentMD5"),
    *("structure", "columnCount", _EXISTS),
)
_NAMES = {name.lower(): name for name in _KNOWN}
_MOST_CHILDREN = 200_000
"""More names than these do not fit into an output, however short they are."""


def get_metadata(attempt: Attempt, moving: Moving) -> Result:
    """Say what is asked for of the dataset; the output has these fields and no others."""
    given = Properties(attempt.given())
    fields, copied = _asked(given)
    data = open_end(attempt, moving.connecting, given.raw("dataset"), "dataset", Side.SOURCE, FAILED)
    if isinstance(data, TableData):
        found = _of_table(attempt, moving, data, fields)
    elif isinstance(data, FileData):
        found = _of_file(attempt, moving, data, given, fields)
    else:
        message = f"The dataset '{data.name}' of type '{data.type}' has no metadata that this server can tell."
        raise refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)
    return Outcome({**execution_fields("PipelineActivity"), **found, **copied})


def _asked(given: Properties) -> tuple[Mapping[str, str], dict[str, Json]]:
    """Return the fields that are asked for, as they are written and as we call them, and those that are copied."""
    fields: dict[str, str] = {}
    copied: dict[str, Json] = {}
    for item in given.items("fieldList"):
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            copied[str(item["name"])] = item.get("value")
        elif not isinstance(item, str):
            raise wrong_type(given.name_of("fieldList"), "an array of names of fields", item)
        elif item.lower() not in _NAMES:
            raise given.wrong("fieldList", f"has '{item[:100]}', which is none of {', '.join(_KNOWN)}")
        else:
            fields[item] = _NAMES[item.lower()]
    return fields, copied


def _of_table(attempt: Attempt, moving: Moving, data: TableData, fields: Mapping[str, str]) -> dict[str, Json]:
    if not data.table:
        raise refused(BAD_REQUEST, f"The dataset '{data.name}' names no table.")
    for written, field in fields.items():
        if field not in _OF_TABLES:
            raise _untold(written, "a table", "structure, columnCount and exists are")
    describe = machinery("databases.describing").describe_table
    cancellation = attempt.context.cancellation
    columns = said(lambda: describe(data.connection, data.schema, data.table, moving.limits, cancellation), FAILED)
    if columns is None:
        if _EXISTS in fields.values():
            return _not_there(fields)
        name = ".".join(part for part in (data.schema, data.table) if part)
        problem = TransferProblem(
            Reason.STATEMENT_FAILED, Side.SOURCE, f"there is no table {name!r}", Code.SOURCE_NOT_FOUND
        )
        raise _failure(problem)
    values: dict[str, Json] = {"structure": _structure(columns), "columnCount": len(columns), _EXISTS: True}
    return {written: values[field] for written, field in fields.items()}


def _of_file(
    attempt: Attempt, moving: Moving, data: FileData, given: Properties, fields: Mapping[str, str]
) -> dict[str, Json]:
    looking = machinery("looking")
    scope, cancellation = attempt.task.scope, attempt.context.cancellation
    path = "/".join(part for part in (data.folder, data.file) if part)

    def told() -> dict[str, Json]:
        with looking.place_look(
            data.place, moving.connecting.file_roots_of(scope), moving.limits, cancellation
        ) as look:
            try:
                child = look.look(path)
                if child is None or (data.file and child.is_folder):
                    raise look.missing(path)
            except TransferProblem as problem:
                # A bucket that is not there has no such file, either.
                if problem.code is Code.SOURCE_NOT_FOUND and _EXISTS in fields.values():
                    return _not_there(fields)
                raise
            told = _Told(attempt, moving, data, given, look, child, path)
            return {written: told.value(field, written) for written, field in fields.items()}

    return said(told, FAILED)


def _not_there(fields: Mapping[str, str]) -> dict[str, Json]:
    return {written: False for written, field in fields.items() if field == _EXISTS}


@dataclass
class _Told:
    """What can be told of one file or folder that is there."""

    attempt: Attempt
    moving: Moving
    data: FileData
    given: Properties
    look: Any
    child: Child
    path: str

    def value(self, field: str, written: str) -> Json:
        """Return the value of a field, which is ``written`` in the request.

        Raises:
            Refused: this kind of thing, or this store, has no such field. TransferProblem: it cannot be had.
        """
        values: Mapping[str, Callable[[], Json]] = {
            "itemName": self._name,
            "itemType": lambda: "Folder" if self.child.is_folder else "File",
            "size": lambda: self.child.size,
            "created": partial(self._time, lambda: self._described.created_at, written),
            "lastModified": partial(self._time, lambda: self.child.modified_at, written),
            "childItems": self._children,
            "contentMD5": lambda: self._md5(written),
            "structure": lambda: _structure(self._columns),
            "columnCount": lambda: len(self._columns),
            _EXISTS: lambda: True,
        }
        if field in {"size", "contentMD5", "structure", "columnCount"} and self.child.is_folder:
            raise _untold(written, "a folder", "ask for it of a file")
        if field == "childItems" and not self.child.is_folder:
            raise _untold(written, "a file", "ask for it of a folder")
        return values[field]()

    def _name(self) -> str:
        last = self.path.rpartition("/")[2]
        return last or self.data.container or self.data.place.root.rstrip("/").rpartition("/")[2]

    @cached_property
    def _described(self) -> Described:
        found: Described = self.look.describe(self.path)
        return found

    def _time(self, read: Callable[[], Instant | None], written: str) -> str:
        at = read()
        if at is None:
            what = "folder" if self.child.is_folder else "file"
            raise _untold(
                written, f"a {what} in a store of type '{self.data.service.type}'", "this store does not know it"
            )
        return to_datetime(at).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _md5(self, written: str) -> Json:
        if self._described.md5 is not None:
            return base64.b64encode(self._described.md5).decode()
        if self._described.created_at is not None and self.data.container:
            return None  # a store that keeps digests, of files whose writers gave one
        raise _untold(written, f"a file in a store of type '{self.data.service.type}'", "this store does not know it")

    def _children(self) -> Json:
        settings = self.given.part("storeSettings")
        since, until = settings.moment("modifiedDatetimeStart"), settings.moment("modifiedDatetimeEnd")
        children, more = self.look.children(self.path, since, until, _MOST_CHILDREN)
        if more:
            message = f"The folder '{self.path or '/'}' has more than {_MOST_CHILDREN} items, which no output can hold."
            raise refused(BAD_REQUEST, message, Code.LIMIT_EXCEEDED)
        return [{"name": child.name, "type": "Folder" if child.is_folder else "File"} for child in children]

    @cached_property
    def _columns(self) -> Any:
        form = self.data.form
        if isinstance(form, Bytes | Documents | Markup):
            raise refused(
                BAD_REQUEST,
                f"The dataset '{self.data.name}' of type '{self.data.type}' has no columns that could be told; "
                "'structure' and 'columnCount' are for tables and for tabular formats other than JSON and XML.",
            )
        reading = self.given.part("formatSettings")
        source = FilesSource(
            self.data.place,
            Choice(self.data.folder, self.data.file or self.path.rpartition("/")[2]),
            read_format(form, self.given, reading),
            read_pack(self.data.pack, reading.part("compressionProperties")),
        )
        moving, task = self.moving, self.attempt.task
        means = machinery("means").Means(
            moving.roots_of(task.scope), moving.limits, moving.clock, moving.egress, words=inner_code
        )
        return machinery("looking").fields_of(source, task, self.attempt.context, means)


def _structure(columns: Any) -> Json:
    return [{"name": column.name, "type": TYPE_NAMES[column.type]} for column in columns]


def _untold(written: str, what: str, hint: str) -> Refused:
    return refused(BAD_REQUEST, f"The field '{written}' of {what} cannot be told: {hint}.")


def _failure(problem: TransferProblem) -> Refused:
    def fail() -> Refused:
        raise problem

    return said(fail, FAILED)
