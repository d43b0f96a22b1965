"""What is found in JSON documents, and documents that are put together, as SQL."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.mapping.numbers import BLANKS
from headrace.dataplane.transfer.mapping.paths import Path
from headrace.dataplane.transfer.session import TransferSession, literal
from headrace.dataplane.transfer.values import Field, ValueType

_KINDS = {"BOOLEAN": ValueType.BOOLEAN, "DOUBLE": ValueType.DOUBLE, "VARCHAR": ValueType.STRING}
_WHOLE = frozenset({"BIGINT", "UBIGINT"})
_NESTED = frozenset({"OBJECT", "ARRAY"})


def text_at(document: str, path: Path) -> str:
    """Return SQL of the text of what stands at a path; objects and arrays as JSON; null where nothing does."""
    return f"json_extract_string({document}, {literal(path.sql)})"


def json_at(document: str, path: Path) -> str:
    """Return SQL of what stands at a path, as JSON text."""
    return f"CAST(json_extract({document}, {literal(path.sql)}) AS VARCHAR)"


def elements_of(document: str, path: Path) -> str:
    """Return SQL that gives the elements of the array at a path, each in a row of its own: none where there is none.

    What is no array counts as an array of one: an element of XML that is there once looks so.
    """
    found = f"json_extract({document}, {literal(path.sql)})"
    kind = f"json_type({document}, {literal(path.sql)})"
    return (
        f"unnest(CASE {kind} WHEN 'ARRAY' THEN CAST({found} AS JSON[]) WHEN 'NULL' THEN [] "
        f"ELSE CASE WHEN {found} IS NOT NULL THEN [{found}] END END)"
    )


def types_of(session: TransferSession, relation: str, asked: Sequence[tuple[str, Path]]) -> list[Field]:
    """Return a type that all values at each path have, looking at all rows; ``asked``: SQL name of a document, and a path in it."""
    if not asked:
        return []
    kinds = [f"list(DISTINCT json_type({document}, {literal(path.sql)}))" for document, path in asked]
    texts = [text_at(document, path) for document, path in asked]
    large = [f"bool_or(TRY_CAST({text} AS BIGINT) IS NULL) FILTER ({text} IS NOT NULL)" for text in texts]
    answers = session.rows(f"SELECT {', '.join([*kinds, *large])} FROM {relation}")[0]
    return [
        _type_of(path.text, frozenset(kinds or ()) - {None, "NULL"}, too_large=bool(large))
        for (_, path), kinds, large in zip(asked, answers[: len(asked)], answers[len(asked) :], strict=True)
    ]


def _type_of(name: str, kinds: frozenset[str], *, too_large: bool) -> Field:
    if kinds & _NESTED:
        return Field(name, ValueType.DOCUMENT)
    if kinds and kinds <= _WHOLE:
        return Field(name, ValueType.DECIMAL, 20, 0) if too_large else Field(name, ValueType.INT64)
    if kinds and kinds <= _WHOLE | {"DOUBLE"}:
        return Field(name, ValueType.DOUBLE)
    return Field(name, _KINDS.get(next(iter(kinds)), ValueType.STRING) if len(kinds) == 1 else ValueType.STRING)


@dataclass(slots=True)
class _Object:
    """An object that is put together: members in order, each SQL of JSON text or an object."""

    members: dict[str, "str | _Object"] = field(default_factory=dict)

    @property
    def sql(self) -> str:
        return f"'{{' || {self.inner} || '}}'"

    @property
    def inner(self) -> str:
        """Return SQL of the members without the braces; those that are null are left out."""
        listed = (
            f"{literal(json.dumps(name, ensure_ascii=False) + ':')} || {member.sql if isinstance(member, _Object) else member}"
            for name, member in self.members.items()
        )
        return f"concat_ws(',', {', '.join(listed)})"


def object_of(members: Iterable[tuple[tuple[str | int, ...], str]]) -> str:
    """Return SQL of a JSON object with ``members``: paths of names, and SQL of JSON text. Members whose SQL is null are left out.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: a path is empty, has the number of an element, or leads through another's value.
    """
    root = _Object()
    for steps, sql in members:
        place, names = root, [step for step in steps if isinstance(step, str)]
        if not names or len(names) < len(steps):
            raise _wrong(steps, "must name members only; arrays inside of objects are copied as a whole")
        for name in names[:-1]:
            inner = place.members.setdefault(name, _Object())
            if not isinstance(inner, _Object):
                raise _wrong(steps, f"leads through {name!r}, which has a value of its own")
            place = inner
        if names[-1] in place.members:
            raise _wrong(steps, "is there twice")
        place.members[names[-1]] = sql
    return root.sql if root.members else "'{}'"


def extended(document: str, members: Mapping[str, str], known: Iterable[str]) -> str:
    """Return SQL of a document with ``members`` (SQL of JSON texts) behind its own; ``known``: names that it may have, whose values go."""
    replaced = [name for name in known if name in members]
    own = f"trim({document}, {literal(BLANKS)})"
    if replaced:
        names = ", ".join(literal(name) for name in replaced)
        path = "concat('$.\"', replace(replace(k, '\\', '\\\\'), '\"', '\\\"'), '\"')"
        member = f"CAST(to_json(k) AS VARCHAR) || ':' || CAST(json_extract({document}, {path}) AS VARCHAR)"
        kept = f"list_transform(list_filter(json_keys({document}), lambda k: k NOT IN ({names})), lambda k: {member})"
        own = f"'{{' || array_to_string({kept}, ',') || '}}'"
    added = _Object(dict(members)).inner
    empty = f"regexp_full_match({own}, '[{{][\\t-\\r ]*[}}]')"
    return f"concat(left({own}, length({own}) - 1), CASE WHEN {empty} THEN '' ELSE ',' END, {added}, '}}')"


def _wrong(steps: tuple[str | int, ...], why: str) -> TransferProblem:
    path = "$" + "".join(f"[{step!r}]" for step in steps)
    return TransferProblem(Reason.REQUEST_INVALID, Side.SINK, f"the sink's path {path} {why}")
