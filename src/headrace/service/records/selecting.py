"""From what clients ask for to selections of records (jobs contract 12.5): parameters of requests, or members of a job's configuration.

Both have the same names, and a fault is said under the name of the parameter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.happening import Happening
from headrace.core.record import Selection, Standing
from headrace.core.workspace import Sheet
from headrace.language.ffql.parser import parse
from headrace.store import happenings, jobs, record_commits
from headrace.store.columns import is_storable
from headrace.store.database import Transaction

MAX_IDS = 100
"""Ids that a query names at most; lists in configurations have no limit."""

_STANDINGS = {item.value: item for item in Standing}
_DIRECTIONS = {"asc": False, "desc": True}
_LONGEST = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionAsked:
    """What is asked for, unread. ``ids`` None: none are named. ``fields``: of which cells the answer is to have, None: all."""

    filter: str | None = None
    filter_field: str | None = None
    search_value: str | None = None
    search_field: str | None = None
    q: str | None = None
    sort_field: str | None = None
    sort_direction: str | None = None
    ids: tuple[str, ...] | None = None
    fields: tuple[str, ...] | None = None
    commit_id: str | None = None
    since_commit_id: str | None = None
    event_id: str | None = None


_NAMES: Mapping[str, str] = {
    "filter": "filter",
    "filterField": "filter_field",
    "searchValue": "search_value",
    "searchField": "search_field",
    "q": "q",
    "sortField": "sort_field",
    "sortDirection": "sort_direction",
    "ids": "ids",
    "fields": "fields",
    "versionId": "commit_id",
    "commitId": "commit_id",
    "sinceVersionId": "since_commit_id",
    "sinceCommitId": "since_commit_id",
    "for": "event_id",
}
"""Names on the wire; of two for one thing the later one counts."""
_LISTS = frozenset({"ids", "fields"})


def asked_of(config: Mapping[str, Any]) -> SelectionAsked:
    """Return what a configuration (of a job, or its subject's query) asks for; other members are ignored, null and empty ones absent.

    Raises:
        Problem: ``INVALID``: a member has the wrong type.
    """
    found: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, attribute in _NAMES.items():
        value = config.get(name)
        if value in (None, "", []):
            continue
        if name in _LISTS:
            items = value.split(",") if isinstance(value, str) else value
            if not isinstance(items, Sequence) or not all(isinstance(item, str) for item in items):
                errors.append(FieldError(name, f"{name} must be an array of texts"))
                continue
            found[attribute] = tuple(items)
        elif isinstance(value, str):
            found[attribute] = value
        else:
            errors.append(FieldError(name, f"{name} must be a text"))
    if errors:
        raise Problem.of_fields(Code.INVALID, "the selection", tuple(errors))
    return SelectionAsked(**found)


def selection_of(tx: Transaction, sheet: Sheet, asked: SelectionAsked, *, lists_unbounded: bool = False) -> Selection:
    """Return the selection of records of ``sheet`` that is asked for.

    Raises:
        Problem: ``INVALID`` (or ``LIMIT_EXCEEDED``, of ``q``), all faults at once, each under the parameter's name.
    """
    reading = _Reading(tx, sheet)
    if asked.event_id is not None:
        asked = reading.of_event(asked, asked.event_id)
    selection = reading.selection(asked, None if lists_unbounded else MAX_IDS)
    if reading.errors:
        raise Problem.of_fields(Code.INVALID, "the selection", tuple(reading.errors))
    return selection


def event_of(tx: Transaction, sheet: Sheet, event_id: str) -> Happening | None:
    """Return the event that ``for=`` names, None where the sheet's environment has none."""
    return happenings.find(tx, sheet.scope, event_id)


def commit_id_of(happening: Happening) -> str | None:
    """Return the commit that an event tells of, None where it is about something else."""
    commit_id = happening.context.get("commitId")
    return commit_id if isinstance(commit_id, str) else None


@dataclass(slots=True)
class _Reading:
    tx: Transaction
    sheet: Sheet
    errors: list[FieldError]

    def __init__(self, tx: Transaction, sheet: Sheet) -> None:
        self.tx, self.sheet, self.errors = tx, sheet, []

    def selection(self, asked: SelectionAsked, most_ids: int | None) -> Selection:
        standing = self._one_of("filter", asked.filter, _STANDINGS)
        self._check_texts(asked)
        if asked.ids is not None and most_ids is not None and len(asked.ids) > most_ids:
            self._wrong("ids", f"ids has {len(asked.ids)} entries; at most {most_ids} are allowed")
        narrowed = (
            asked.filter not in {None, Standing.NONE.value} or asked.q is not None or asked.search_value is not None
        )
        search, whole = _search(asked.search_value)
        return Selection(
            standing=Standing(standing or Standing.ALL),
            standing_field=self._field("filterField", asked.filter_field),
            search=search,
            search_field=self._field("searchField", asked.search_field),
            search_whole=whole,
            where=None if asked.q is None else self._query(asked.q),
            ids=asked.ids,
            excludes=asked.ids is not None and narrowed,
            commit=self._commit("commitId", asked.commit_id),
            since_commit=self._commit("sinceCommitId", asked.since_commit_id),
            sort_field=self._field("sortField", asked.sort_field),
            descending=bool(self._one_of("sortDirection", asked.sort_direction, _DIRECTIONS)),
        )

    def of_event(self, asked: SelectionAsked, event_id: str) -> SelectionAsked:
        """Return ``asked`` with what its event selects where it says nothing itself."""
        happening = event_of(self.tx, self.sheet, event_id)
        if happening is None:
            self._wrong("for", f"there is no event {event_id!r}")
            return asked
        commit_id = commit_id_of(happening)
        if commit_id is not None:
            return replace(asked, commit_id=asked.commit_id or commit_id)
        job = None if happening.job_id is None else jobs.find(self.tx, happening.job_id)
        if job is None or job.scope != self.sheet.scope or job.space_id not in {None, self.sheet.space_id}:
            return asked
        subject: Mapping[str, Json] = job.subject or {}
        query = subject.get("query")
        if not isinstance(query, Mapping):
            return asked
        base = asked_of({name: value for name, value in query.items() if name != "for"})
        own = {item.name: getattr(asked, item.name) for item in fields(asked)}
        return replace(base, **{name: value for name, value in own.items() if value is not None})

    def _query(self, text: str) -> Any:
        try:
            return parse(text, self.sheet.blueprint)
        except Problem as problem:
            if problem.code is Code.LIMIT_EXCEEDED:
                raise
            self.errors.extend(problem.fields)
            return None

    def _field(self, name: str, key: str | None) -> str | None:
        if key is None or key in self.sheet.blueprint.by_key:
            return key
        self._wrong(name, f"the sheet has no field {key[:80]!r}")
        return None

    def _commit(self, name: str, commit_id: str | None) -> int | None:
        if commit_id is None:
            return None
        commit = record_commits.find(self.tx, commit_id)
        if commit is None or commit.sheet_id != self.sheet.id:
            self._wrong(name, f"the sheet has no commit {commit_id[:80]!r}")
            return None
        return commit.number

    def _one_of(self, name: str, value: str | None, choices: Mapping[str, Any]) -> Any:
        if value is None:
            return None
        if value not in choices:
            self._wrong(name, f"{name} must be one of {', '.join(choices)}")
        return choices.get(value)

    def _check_texts(self, asked: SelectionAsked) -> None:
        for name, attribute in _NAMES.items():
            value = getattr(asked, attribute)
            texts = (value,) if isinstance(value, str) else value or ()
            if not all(map(is_storable, texts)):
                self._wrong(name, f"{name} has characters that no record can have")
        for key in asked.fields or ():
            self._field("fields", key)
        if asked.search_value is not None and len(asked.search_value) > _LONGEST:
            self._wrong("searchValue", f"searchValue has more than {_LONGEST} characters")

    def _wrong(self, name: str, message: str) -> None:
        if not any(error.path == name for error in self.errors):
            self.errors.append(FieldError(name, message))


def _search(text: str | None) -> tuple[str | None, bool]:
    """Return what is searched for, and whether it is the whole value: in double quotes it is."""
    quote = '"'
    if text is not None and len(text) > len(quote) * 2 and text.startswith(quote) and text.endswith(quote):
        return text[1:-1], True
    return text, False
