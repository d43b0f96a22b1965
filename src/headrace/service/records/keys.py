"""Keys of records, by which values are found that are there twice, and values that refer to nothing.

A sheet has keys for each *rule*: for what must be unique, for its fields that others refer to (targets), and for its fields that refer to others
(links), so that the cells that refer to a value are found when it comes or goes. The name of a rule says how its keys are made: when that changes,
the name does, and ``revalidating`` makes the keys anew.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

import msgspec

from headrace.core.blueprint import FieldSpec, Unique
from headrace.core.codec import Json
from headrace.core.record import Level, MessageSource
from headrace.core.workspace import Sheet
from headrace.service.records.cells import Column, Said, shown, takes_several, whole_text
from headrace.service.records.odd_keys import OddReader, has_odd

Columns: TypeAlias = Mapping[str, Column]
"""Values of records by field, each column as long as there are records."""
Pair: TypeAlias = tuple[str, int]
"""A key, and the index or position of the record that has it."""

LONGEST = 64
"""Characters of a key; of what is longer there is a digest."""
_NOT_UNIQUE = "Value is not unique"
_EMPTY: tuple[object, ...] = (None, [])


@dataclass(frozen=True)
class UniqueRule:
    """The keys of what must be unique."""

    name: str
    unique: Unique

    def pairs(self, columns: Columns, size: int) -> list[Pair]:
        """Return the key of each record that has one, with its index."""
        if len(self.unique.fields) == 1 and not self.unique.required:
            column = columns[self.unique.fields[0]]
            if set(map(type, column)) <= {str, type(None)}:
                return _text_pairs(column, sensitive=self.unique.case_sensitive)
            return [
                (self._key(value), index) for index, value in enumerate(column) if value is not None and value != []
            ]
        rows = zip(*(columns[key] for key in self.unique.fields), strict=True)
        needed = [columns[key] for key in self.unique.required]
        return [
            (digested(msgspec.json.encode([self._part(value) for value in row]).decode()), index)
            for index, row in zip(range(size), rows, strict=True)
            if not all(value in _EMPTY for value in row) and not any(column[index] in _EMPTY for column in needed)
        ]

    @property
    def said(self) -> Said:
        """Return what is said of cells whose value is there twice."""
        text = _NOT_UNIQUE if self.unique.message is None else self.unique.message
        return [self.unique.level.value, MessageSource.UNIQUE.value, text]

    def _key(self, value: Json) -> str:
        text = text_of(value)
        return digested(text if self.unique.case_sensitive else text.lower())

    def _part(self, value: Json) -> str | None:
        if value is None or value == []:
            return None
        text = text_of(value)
        return text if self.unique.case_sensitive else text.lower()


@dataclass(frozen=True)
class TargetRule:
    """The keys of a field that others refer to; with ``by``, of it and another field that must be equal too."""

    name: str
    key: str
    by: str | None

    def pairs(self, columns: Columns, size: int) -> list[Pair]:
        """Return the keys of each record with its index: one for each element of a list."""
        column = columns[self.key]
        if self.by is None and set(map(type, column)) <= {str, type(None)}:
            return _text_pairs(column, sensitive=True)
        beside = None if self.by is None else columns[self.by]
        found: list[Pair] = []
        for index in range(size):
            items = [column[index]] if not isinstance(column[index], list) else column[index]
            keys = (_link_key(item, beside, index) for item in items if _is_scalar(item))
            found.extend((key, index) for key in dict.fromkeys(keys))
        return found


@dataclass(frozen=True)
class LinkRule:
    """The keys of a field that refers to another sheet (``target``; None: there is no such sheet or field) and its ``target_rule``."""

    name: str
    spec: FieldSpec
    by: str | None
    target: Sheet | None
    target_rule: str

    def pairs(self, columns: Columns, size: int) -> list[Pair]:
        """Return the keys of each record with its index: one for each element of a list."""
        return [(key, index) for key, index, _ in self.links(columns, size)]

    def links(self, columns: Columns, size: int) -> list[tuple[str, int, Json]]:
        """Return the same with the value that refers."""
        column = columns[self.spec.key]
        only_lists = self.spec.kind.is_list
        if self.by is None and not only_lists and set(map(type, column)) <= {str, type(None)}:
            return [(key, index, column[index]) for key, index in _text_pairs(column, sensitive=True)]
        beside = None if self.by is None else columns[self.by]
        several = only_lists or takes_several(self.spec)
        found: list[tuple[str, int, Json]] = []
        for index in range(size):
            value = column[index]
            items = value if isinstance(value, list) and several else [value]
            # What cannot be read as the type refers to nothing, and is not said to.
            if (isinstance(value, list) or not only_lists) and all(map(_is_scalar, items)):
                values = {_link_key(item, beside, index): item for item in items}
                found.extend((key, index, item) for key, item in values.items())
        return found

    def said(self, value: Json) -> Said:
        """Return what is said of a cell that refers to nothing."""
        reference = self.spec.reference
        name = self.target.name if self.target is not None else reference.sheet if reference is not None else ""
        return [Level.ERROR.value, MessageSource.UNLINKED.value, f'"{shown(value)}" was not found in {name}']


@dataclass(frozen=True)
class Rules:
    """The rules of a sheet. ``referrers``: the sheets that refer to it (it may be one of them), each with the rule that does."""

    sheet: Sheet
    uniques: tuple[UniqueRule, ...]
    targets: tuple[TargetRule, ...]
    links: tuple[LinkRule, ...]
    referrers: tuple[tuple[Sheet, LinkRule], ...]

    @property
    def all(self) -> tuple[UniqueRule | TargetRule | LinkRule, ...]:
        """Return every rule that has keys in this sheet."""
        return (*self.uniques, *self.targets, *self.links)

    @property
    def fields(self) -> set[str]:
        """Return the fields that keys are made of."""
        found = {key for rule in self.uniques for key in (*rule.unique.fields, *rule.unique.required)}
        for rule in self.targets:
            found |= {rule.key} | ({rule.by} if rule.by else set())
        for link in self.links:
            found |= {link.spec.key} | ({link.by} if link.by else set())
        return found


def rules_of(sheet: Sheet, siblings: Sequence[Sheet]) -> Rules:
    """Return the rules of ``sheet`` among the sheets of its workbook, of which it is one."""
    links = tuple(_links(sheet, siblings))
    referrers = tuple(
        (other, link)
        for other in siblings
        for link in (links if other.id == sheet.id else _links(other, siblings))
        if link.target is not None and link.target.id == sheet.id
    )
    targets = {link.target_rule: _target(link) for _, link in referrers}
    uniques = tuple(UniqueRule(_unique_name(unique), unique) for unique in sheet.blueprint.uniques)
    return Rules(sheet, uniques, tuple(targets.values()), links, referrers)


def columns_of(values: Sequence[Mapping[str, Json]], keys: Iterable[str]) -> dict[str, Column]:
    """Return the columns of records."""
    return {key: [one.get(key) for one in values] for key in keys}


def columns_of_texts(texts: Sequence[str], keys: Iterable[str]) -> dict[str, Column]:
    """Return the columns of records whose values are JSON text; what is not among ``keys`` is skipped unread."""
    names = tuple(keys)
    rows = _reader(names).decode(f"[{','.join(texts)}]")
    values = list(chain.from_iterable(map(msgspec.structs.astuple, rows)))
    return {key: values[number :: len(names)] for number, key in enumerate(names)}


@lru_cache(maxsize=64)
def _reader(keys: tuple[str, ...]) -> msgspec.json.Decoder[list[Any]] | OddReader:
    if has_odd(keys):
        return OddReader(keys, Any, None)
    rename = {f"f{number}": key for number, key in enumerate(keys)}
    row = msgspec.defstruct("Kept", [(name, Any, None) for name in rename], rename=rename, gc=False)
    return msgspec.json.Decoder(list[row])  # type: ignore[valid-type]  # a class that is made here


def text_of(value: Json) -> str:
    """Return a value as text, in which 5 and 5.0 are the same."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return whole_text(value)
    return msgspec.json.encode(value, order="deterministic").decode()


def digested(text: str) -> str:
    """Return a key of ``text``: itself, or of a long one a digest, which is longer than any that is none."""
    return text if len(text) <= LONGEST else "#" + hashlib.sha256(text.encode()).hexdigest()


def _text_pairs(column: Column, *, sensitive: bool) -> list[Pair]:
    texts = [value for value in column if value is not None] if None in column else column
    indexes = (
        [index for index, value in enumerate(column) if value is not None] if None in column else range(len(column))
    )
    folded = texts if sensitive else list(map(str.lower, texts))
    if max(map(len, folded), default=0) > LONGEST:
        folded = list(map(digested, folded))
    return list(zip(folded, indexes, strict=True))


def _links(sheet: Sheet, siblings: Sequence[Sheet]) -> Iterable[LinkRule]:
    slugs = {other.slug: other for other in siblings}
    for spec in sheet.blueprint.fields:
        reference = spec.reference
        if reference is None:
            continue
        there, here = reference.filter or (None, None)
        here = here if here in sheet.blueprint.by_key else None
        target = slugs.get(reference.sheet)
        if target is not None and not {reference.key, there or reference.key} <= target.blueprint.by_key.keys():
            target = None
        there = there if here is not None else None
        yield LinkRule(_name("ref", spec.key, here), spec, here, target, _name("field", reference.key, there))


def _target(link: LinkRule) -> TargetRule:
    reference = link.spec.reference
    if reference is None:
        message = "a rule of links is of a field that refers to something"
        raise TypeError(message)
    return TargetRule(link.target_rule, reference.key, reference.filter[0] if link.by and reference.filter else None)


def _name(kind: str, key: str, by: str | None) -> str:
    return f"{kind}:{key}" if by is None else f"{kind}2:{msgspec.json.encode([key, by]).decode()}"


def _unique_name(unique: Unique) -> str:
    how: list[Any] = [unique.fields, unique.case_sensitive, unique.required]
    return f"unique:{unique.name}:{hashlib.sha256(msgspec.json.encode(how)).hexdigest()[:8]}"


def _is_scalar(value: Json) -> bool:
    return isinstance(value, str | int | float)


def _link_key(value: Json, beside: Column | None, index: int) -> str:
    if beside is None:
        return digested(text_of(value))
    other = beside[index]
    return digested(msgspec.json.encode([text_of(value), None if other in _EMPTY else text_of(other)]).decode())
