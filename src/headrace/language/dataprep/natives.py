"""What the language needs and DuckDB lacks, as Python functions: digests, query strings, objects of computed keys, user agents.

The compiler writes their names into its SQL; whoever runs the SQL registers them (``core.mapping.NativeFunction``). Nothing else
imports this module: it loads the tables of user agents. None of the functions is called with null, and null is never their
answer but where they cannot answer. Objects are texts of JSON; the values in them are passed on as they are, unread.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from headrace.core.mapping import NativeFunction
from headrace.language.dataprep.agents import AGENT_TYPE, agent

_BIG_ENDIAN_MARK: Final = b"\xfe\xff"
_ANCHOR: Final = "_anchor_"


def _bytes(text: str, charset: str) -> bytes:
    """Return a text's bytes as Java has them: what the charset lacks is ``?``, UTF-16 is big-endian with a mark."""
    if charset == "UTF-16":
        return _BIG_ENDIAN_MARK + text.encode("utf-16-be")
    return text.encode(charset, errors="replace")


def _sha512(text: str, charset: str) -> str:
    return hashlib.sha512(_bytes(text, charset)).hexdigest()


def _crc32(text: str, charset: str) -> str:
    # The lowest byte comes first, as AEP shows it.
    return zlib.crc32(_bytes(text, charset)).to_bytes(4, "little").hex()


def _written(entries: Mapping[str, str | None]) -> str:
    """Return an object as JSON; the values are JSON already, None is null."""
    parts = (f"{json.dumps(key, ensure_ascii=False)}:{value or 'null'}" for key, value in entries.items())
    return "{" + ",".join(parts) + "}"


def _object(keys: Sequence[str | None], values: Sequence[str | None]) -> str:
    """Return the object of keys and JSON values; of equal keys the last one counts, at the first one's place; null keys are left out."""
    pairs = zip(keys, values, strict=True)
    return _written({key: value for key, value in pairs if key is not None})


def _merged(keys: Sequence[str], values: Sequence[str | None]) -> str:
    """As ``_object``, but the first one of equal keys counts."""
    entries: dict[str, str | None] = {}
    for key, value in zip(keys, values, strict=True):
        entries.setdefault(key, value)
    return _written(entries)


def _distinct(texts: Sequence[str | None]) -> list[str | None]:
    """Return texts in their order, each once."""
    return list(dict.fromkeys(texts))


def _flat(texts: Sequence[str | None]) -> str:
    """Return the elements of all arrays in a list of JSON, however deep; nulls that stand beside arrays are left out."""
    found: list[object] = []
    pending: list[object] = [[None if text is None else json.loads(text) for text in texts]]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            has_lists = any(isinstance(item, list) for item in value)
            pending.extend(item for item in reversed(value) if item is not None or not has_lists)
        else:
            found.append(value)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _texts(pairs: Iterable[tuple[str, str]]) -> str:
    return _written({key: json.dumps(value, ensure_ascii=False) for key, value in pairs})


def _delimited(text: str, between: str, after: str) -> str:
    """Return the object that ``k:v,k:v`` is; a part without ``between`` is a key whose value is null."""
    entries: dict[str, str | None] = {}
    for part in text.split(after):
        key, found, value = part.partition(between)
        if key.strip() or found:
            entries[key.strip()] = json.dumps(value.strip(), ensure_ascii=False) if found else None
    return _written(entries)


def _query(url: str, anchor: str) -> str:
    """Return the values of a URL's query string, as they stand there; of equal names the last one counts."""
    before, _, fragment = url.partition("#")
    query = before.partition("?")[2]
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&")) if name]
    if fragment and anchor == "append":
        pairs.append((_ANCHOR, fragment))
    elif fragment and anchor == "retain" and pairs:
        name, value = pairs[-1]
        pairs[-1] = (name, f"{value}#{fragment}")
    return _texts(pairs)


_ALL: Final = (
    NativeFunction("headrace_sha512", ("VARCHAR", "VARCHAR"), "VARCHAR", _sha512),
    NativeFunction("headrace_crc32", ("VARCHAR", "VARCHAR"), "VARCHAR", _crc32),
    NativeFunction("headrace_object", ("VARCHAR[]", "VARCHAR[]"), "VARCHAR", _object),
    NativeFunction("headrace_merged", ("VARCHAR[]", "VARCHAR[]"), "VARCHAR", _merged),
    NativeFunction("headrace_distinct", ("VARCHAR[]",), "VARCHAR[]", _distinct),
    NativeFunction("headrace_flat", ("VARCHAR[]",), "VARCHAR", _flat),
    NativeFunction("headrace_delimited", ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR", _delimited),
    NativeFunction("headrace_query", ("VARCHAR", "VARCHAR"), "VARCHAR", _query),
    NativeFunction("headrace_agent", ("VARCHAR",), AGENT_TYPE, agent),
)

NATIVES: Final[Mapping[str, NativeFunction]] = MappingProxyType({native.name: native for native in _ALL})
"""Every native function under its name."""
