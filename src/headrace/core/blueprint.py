"""Blueprints: which fields a sheet has, and what must hold of their values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from headrace.core.codec import Json
from headrace.core.record import Level


class FieldKind(StrEnum):
    """Types of fields."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    ENUM = "enum"
    STRING_LIST = "string-list"
    ENUM_LIST = "enum-list"
    REFERENCE = "reference"
    REFERENCE_LIST = "reference-list"

    @property
    def is_list(self) -> bool:
        """Say whether its values are lists."""
        return self in {FieldKind.STRING_LIST, FieldKind.ENUM_LIST, FieldKind.REFERENCE_LIST}


@dataclass(frozen=True, slots=True)
class Option:
    """A value that an enum takes; ``label`` and ``alternatives`` are names by which mappings find it."""

    value: str | int | float | bool
    label: str | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Required:
    """The field must have a value. ``message`` None: our own words."""

    message: str | None = None
    level: Level = Level.ERROR


@dataclass(frozen=True, slots=True)
class Unique:
    """No value of ``fields`` (together) occurs twice.

    ``name``: the field's key, or the constraint's name; the rule of its entries in the store is made of it. ``required``: only records in which
    these fields have values are compared. Nulls never count.
    """

    name: str
    fields: tuple[str, ...]
    case_sensitive: bool = True
    ignore_empty: bool = True
    required: tuple[str, ...] = ()
    message: str | None = None
    level: Level = Level.ERROR


@dataclass(frozen=True, slots=True)
class Reference:
    """Values must occur in field ``key`` of the sheet with slug ``sheet`` in the same workbook.

    ``filter``: (field there, field here) that must be equal too.
    """

    sheet: str
    key: str
    filter: tuple[str, str] | None = None


@dataclass(frozen=True)
class FieldSpec:
    """One field. ``raw`` is its definition as it was sent."""

    key: str
    kind: FieldKind
    label: str
    raw: Mapping[str, Json]
    required: Required | None = None
    unique: Unique | None = None
    computed: bool = False
    options: tuple[Option, ...] = ()
    reference: Reference | None = None
    decimal_places: int | None = None
    alternatives: tuple[str, ...] = ()
    readonly: bool = False


@dataclass(frozen=True)
class Blueprint:
    """The fields of a sheet in their order, and what must hold of several fields together."""

    fields: tuple[FieldSpec, ...]
    uniques: tuple[Unique, ...] = ()
    """Those of single fields come first, then those of the sheet."""
    raw: Mapping[str, Json] = field(default_factory=dict)
    """The sheet's configuration as it was sent."""

    @cached_property
    def by_key(self) -> Mapping[str, FieldSpec]:
        """Return the fields by key."""
        return MappingProxyType({item.key: item for item in self.fields})

    @property
    def allows_more_fields(self) -> bool:
        """Say whether records may bring fields that it does not have."""
        return self.raw.get("allowAdditionalFields") is True
