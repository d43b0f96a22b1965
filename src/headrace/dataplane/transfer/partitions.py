"""Columns from folders: ``year=2026/month=07`` gives the columns ``year`` and ``month`` (contract 9.3)."""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from headrace.dataplane.transfer.request import Place

_NULL = "__HIVE_DEFAULT_PARTITION__"
"""What engines that write such folders call the one of the rows without a value."""


def values_of(path: str, root: str) -> dict[str, str | None]:
    """Return the columns that the folders of ``path`` below ``root`` give; both are relative to the place. Not below it: none."""
    above = f"{root}/" if root else ""
    if not path.startswith(above):
        return {}
    pairs = (folder.partition("=") for folder in path[len(above) :].split("/")[:-1])
    decoded = {unquote(name): unquote(value) for name, sign, value in pairs if sign and name}
    return {name: None if value == _NULL else value for name, value in decoded.items()}


def names_of(found: Iterable[Mapping[str, str | None]]) -> tuple[str, ...]:
    """Return the names of all columns, in the order in which they come first."""
    return tuple(dict.fromkeys(name for values in found for name in values))


def root_of(given: str, default: str, place: Place) -> str:
    """Return the folder that partition folders lie below, relative to the place. ``given`` may begin with the name of its bucket."""
    return below_bucket(given, place) if given.strip("/") else default


def below_bucket(path: str, place: Place) -> str:
    """Return a path without ``/`` around it, and without the place's bucket or container, with which some paths begin."""
    clean = path.strip("/")
    options = {} if place.connection is None else place.connection.options
    bucket = options.get("bucket") or options.get("container") or ""
    return clean[len(bucket) + 1 :] if bucket and clean.startswith(f"{bucket}/") else clean
