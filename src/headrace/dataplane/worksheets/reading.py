"""Reads a file of a workspace as worksheets of texts, whatever its format; its extension says which that is."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.headers import HeaderAlgorithm, HeaderOptions, options_of
from headrace.dataplane.worksheets import delimited, objects, spreadsheets
from headrace.dataplane.worksheets.worksheet import Opening, ReadOptions, Worksheet

TEXTS = frozenset({"csv", "tsv", "psv", "txt"})
OBJECTS = frozenset({"json", *objects.LINES})
EXTENSIONS = TEXTS | OBJECTS | spreadsheets.EXTENSIONS


def options_in(config: Mapping[str, Json], space_options: Mapping[str, Json]) -> ReadOptions:
    """Return how a file is read: ``config`` is the job's, ``space_options`` the ``extractionOptions`` of the space (contract 11.2).

    Raises:
        Problem: ``INVALID``, with all that is wrong.
    """
    raw = config.get("options") or {}
    errors: list[FieldError] = []
    if not isinstance(raw, Mapping):
        raise _refused(FieldError("config.options", "options is an object"))
    delimiter, encoding, headers, skip = (raw.get(name) for name in ("delimiter", "encoding", "headers", "skipRows"))
    if delimiter is not None and not _separates(delimiter):
        errors.append(
            FieldError("config.options.delimiter", "delimiter is a text without quotes and line ends, like ;")
        )
    if encoding is not None and not isinstance(encoding, str):
        errors.append(FieldError("config.options.encoding", "encoding is a name like UTF-8 or windows-1252"))
    if headers is not None and not (isinstance(headers, list | tuple) and all(isinstance(x, str) for x in headers)):
        errors.append(FieldError("config.options.headers", "headers is a list of names, one for each column"))
    if skip is not None and (isinstance(skip, bool) or not isinstance(skip, int) or not 0 <= skip <= _MOST_SKIPPED):
        errors.append(FieldError("config.options.skipRows", f"skipRows is a whole number from 0 to {_MOST_SKIPPED:,}"))
    if errors:
        raise _refused(*errors)
    row = config.get("detectedHeaderRow")
    return ReadOptions(
        delimiter=str(delimiter) if delimiter else None,
        encoding=str(encoding) if encoding else None,
        header=_header(headers, skip, space_options),
        header_row=row if isinstance(row, int) and 0 < row <= _MOST_SKIPPED and not headers and skip is None else None,
    )


_MOST_SKIPPED = 10_000


@contextmanager
def reading(opening: Opening, ext: str) -> Iterator[tuple[Worksheet, ...]]:
    """Open a file; its worksheets can be read until the context ends. All of it has been looked at by then.

    Raises:
        Problem: ``UNSUPPORTED``: nothing here reads such files; ``SOURCE_UNREADABLE``: it is not what its extension says, with the row where there is
            one; ``INVALID``: options that cannot be; ``LIMIT_EXCEEDED``; ``DISK_FULL``; what the cancellation says.
    """
    kind = ext.lower()
    with ExitStack() as stack:
        if kind in TEXTS:
            yield (delimited.read(opening, kind),)
        elif kind in OBJECTS:
            yield objects.read(opening, kind, stack)
        elif kind in spreadsheets.EXTENSIONS:
            yield spreadsheets.read(opening, stack)
        else:
            known = ", ".join(sorted(EXTENSIONS))
            raise Problem(
                Code.UNSUPPORTED, f"{opening.name!r}: files of type {ext!r} are not extracted here; {known} are"
            )


def _separates(delimiter: Json) -> bool:
    return isinstance(delimiter, str) and bool(delimiter) and not set(delimiter) & set('"\r\n\0')


def _header(headers: Json, skip: Json, space_options: Mapping[str, Json]) -> HeaderOptions:
    skipped = skip if isinstance(skip, int) else None
    if isinstance(headers, list | tuple) and headers:
        names = tuple(map(str, headers))
        return HeaderOptions(algorithm=HeaderAlgorithm.EXPLICIT, headers=names, skip=skipped)
    if skipped is not None:
        return HeaderOptions(algorithm=HeaderAlgorithm.SPECIFIC, row_numbers=(skipped,))
    return options_of(space_options, "extractionOptions")


def _refused(*errors: FieldError) -> Problem:
    return Problem(Code.INVALID, errors[0].message, errors)
