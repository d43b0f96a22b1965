"""Functions of texts. Positions and lengths count characters (Unicode code points), from 0."""

from collections.abc import Callable
from typing import Final

from headrace.language.dataprep.casts import converted
from headrace.language.dataprep.regexes import MAX_GROUPS, Regex, RegexError, read_regex
from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import BOOLEAN, LONG, STRING, STRINGS, Value, let, quote_text, strict

MAX_PADDING: Final = 10_000
"""Characters to which lpad and rpad fill at most."""
MAX_GROWTH: Final = 16 * 1024 * 1024
"""Bytes up to which replacestr and join may let a text grow."""
_SHORT: Final = 16
_MAX_INDEX: Final = 2_000_000_000
_STRING: Final = "string"


def _plain(syntax: str, doc: str, example: str, sql: str, *aliases: str) -> Function:
    """Return a function of texts that is one SQL function and cannot fail."""

    def build(site: Site) -> Value:
        values = site.texts()
        return strict(sql.format(*(value.sql for value in values)), STRING, values)

    return function(syntax, _STRING, doc, example, *aliases)(build)


def joined(site: Site) -> Value:
    """Return the elements of the second argument, a list, as one text, with the first argument between them."""
    separator, items = site.take(0, STRING), site.items(1)
    if items.type is None:
        return converted(items, STRING).with_errors_of(separator)
    texts = site.checked(1, lambda _: converted(items, STRINGS))

    if isinstance(separator.constant, str) and len(separator.constant) <= _SHORT:
        # Of nothing but nulls DuckDB makes null.
        def whole(items: str) -> str:
            return f"CASE WHEN {items} IS NOT NULL THEN COALESCE(array_to_string({items}, {separator.sql}), '') END"

        return strict(let([texts.sql], whole), STRING, [separator, texts])

    def body(sep: str, elements: str) -> str:
        # array_to_string takes a constant only: the separator is put before every element, and the first one is cut.
        parts = f"list_transform(list_filter({elements}, lambda _e: _e IS NOT NULL), lambda _e: {sep} || _e)"
        fits = f"len({elements}) * strlen({sep}) <= {MAX_GROWTH}"
        return f"CASE WHEN {fits} THEN substr(array_to_string({parts}, ''), length({sep}) + 1) END"

    return strict(let([separator.sql, texts.sql], body), STRING, [separator, texts], fails=True)


@function("concat(s, …)", _STRING, "The texts joined; null counts as empty.", 'concat("a", null, "b") -> ab')
def _concat(site: Site) -> Value:
    values = site.texts()
    sql = f"concat({', '.join(value.sql for value in values)})"
    return Value(sql, STRING).with_errors_of(*values)


@function(
    "explode(s[, regex])",
    _STRING,
    "A list of the parts of a text, split by a regular expression (default a comma). Empty parts are kept.",
    'explode("a,b") -> ["a","b"]',
)
def _explode(site: Site) -> Value:
    text = site.take(0, STRING)
    regex = _regex(site, 1).text if len(site) > 1 else ","
    return strict(f"string_split_regex({text.sql}, {quote_text(regex)})", STRINGS, [text])


@function(
    "split(s, separators)",
    _STRING,
    "A list of the parts of a text, split at any character of separators. Empty parts are kept.",
    'split("a-b_c", "-_") -> ["a","b","c"]',
)
def _split(site: Site) -> Value:
    text, separators = site.texts()
    classes = f"'[' || regexp_escape({separators.sql}) || ']'"
    if isinstance(separators.constant, str):
        one = separators.constant
        if one == "":
            return strict(let([text.sql], "CASE WHEN {0} IS NOT NULL THEN [{0}] END".format), STRINGS, [text])
        if len(one) == 1:
            return strict(f"string_split({text.sql}, {separators.sql})", STRINGS, [text])
        classes = quote_text("[" + "".join("\\" + c if c in "\\]^-[" else c for c in one) + "]")
        return strict(f"string_split_regex({text.sql}, {classes})", STRINGS, [text])
    raise site.refusal(1, "the separators must be a text in quotes")


@function(
    "join(separator, list)",
    _STRING,
    "The elements of a list as one text, nulls left out.",
    'join("-", ["a", "b"]) -> a-b',
)
def _join(site: Site) -> Value:
    return joined(site)


@function(
    "instr(s, sub[, start[, n]])",
    _STRING,
    "The position of the n-th occurrence (default the first) of sub at or behind start; -1 when there is none. "
    "Occurrences do not overlap.",
    'instr("adobe.com", "com") -> 6',
)
def _instr(site: Site) -> Value:
    text, sub = site.take(0, STRING), site.take(1, STRING)
    start = site.take(2, LONG) if len(site) > 2 else Value("0", LONG, is_constant=True, constant=0)
    number = site.take(3, LONG) if len(site) > 3 else Value("1", LONG, is_constant=True, constant=1)
    if len(site) == 2:
        return strict(f"(strpos({text.sql}, {sub.sql}) - 1)", LONG, [text, sub])

    def body(s: str, part: str, first: str, n: str) -> str:
        begin = f"least(greatest({first}, 0), {_MAX_INDEX})"
        parts = f"string_split(substr({s}, {begin} + 1), {part})"
        before = f"length(array_to_string(list_slice({parts}, 1, {n}), '')) + ({n} - 1) * length({part})"
        return (
            f"CASE WHEN {s} IS NULL OR {part} IS NULL OR {first} IS NULL OR {n} IS NULL OR {n} < 1 THEN NULL "
            f"WHEN {part} = '' THEN least({begin}, length({s})) WHEN len({parts}) > {n} THEN {begin} + {before} ELSE -1 END"
        )

    sql = let([text.sql, sub.sql, start.sql, number.sql], body)
    return strict(f"CAST({sql} AS BIGINT)", LONG, [text, sub, start, number], fails=True)


@function(
    "replacestr(s, find, replacement)",
    _STRING,
    "Every occurrence of find replaced, literally.",
    'replacestr("a.b.c", ".", "-") -> a-b-c',
)
def _replacestr(site: Site) -> Value:
    text, find, replacement = site.texts()
    if (
        isinstance(find.constant, str)
        and isinstance(replacement.constant, str)
        and len(replacement.constant.encode()) <= len(find.constant.encode())
    ):
        return strict(f"replace({text.sql}, {find.sql}, {replacement.sql})", STRING, [text, find, replacement])

    def body(s: str, old: str, new: str) -> str:
        # Most texts are far from the limit; only for others it pays to count what would be replaced.
        near = f"strlen({s}) * strlen({new}) <= {MAX_GROWTH}"
        found = f"(strlen({s}) - strlen(replace({s}, {old}, ''))) // strlen({old})"
        exact = f"{old} <> '' AND strlen({s}) + {found} * strlen({new}) <= {MAX_GROWTH}"
        return f"CASE WHEN {near} THEN replace({s}, {old}, {new}) WHEN {exact} THEN replace({s}, {old}, {new}) END"

    sql = let([text.sql, find.sql, replacement.sql], body)
    return strict(sql, STRING, [text, find, replacement], fails=True)


@function(
    "substr(s, start, length)",
    _STRING,
    "The characters from start on, at most length of them; a negative start or length is a transform error.",
    'substr("This is a substring test", 7, 8) -> " a subst"',
)
def _substr(site: Site) -> Value:
    text, start, length = site.take(0, STRING), site.take(1, LONG), site.take(2, LONG)
    first, count = start.constant, length.constant
    if isinstance(first, int) and isinstance(count, int) and 0 <= first <= _MAX_INDEX and 0 <= count <= _MAX_INDEX:
        return strict(f"substr({text.sql}, {first + 1}, {count})", STRING, [text])

    def body(s: str, begin: str, size: str) -> str:
        return (
            f"CASE WHEN {begin} >= 0 AND {size} >= 0 "
            f"THEN substr({s}, least({begin}, {_MAX_INDEX}) + 1, least({size}, {_MAX_INDEX})) END"
        )

    return strict(let([text.sql, start.sql, length.sql], body), STRING, [text, start, length], fails=True)


def _end(name: str) -> Callable[[Site], Value]:
    def build(site: Site) -> Value:
        text, count = site.take(0, STRING), site.take(1, LONG)

        def body(s: str, size: str) -> str:
            return f"CASE WHEN {size} >= 0 THEN {name}({s}, least({size}, {_MAX_INDEX})) END"

        return strict(let([text.sql, count.sql], body), STRING, [text, count], fails=True)

    return build


def _pad(name: str) -> Callable[[Site], Value]:
    def build(site: Site) -> Value:
        text, count = site.take(0, STRING), site.take(1, LONG)
        pad = site.take(2, STRING) if len(site) > 2 else Value("' '", STRING, is_constant=True, constant=" ")

        def body(s: str, size: str, filler: str) -> str:
            whole = f"COALESCE({s}, '')"
            target = f"CAST(greatest({size}, length({whole})) AS INTEGER)"
            fill = f"COALESCE(NULLIF({filler}, ''), ' ')"
            fits = f"{size} <= {MAX_PADDING}"
            return f"CASE WHEN {fits} THEN {name}({whole}, {target}, {fill}) END"

        sql = let([text.sql, count.sql, pad.sql], body)
        return strict(sql, STRING, [count], fails=True).with_errors_of(text, pad)

    return build


_PAD_DOC: Final = (
    f" up to count characters (at most {MAX_PADDING}) with pad, where that is null or empty with spaces. Never shortens; a null s "
    "counts as empty."
)


@function(
    "extract_regex(s, regex)",
    _STRING,
    "A list of the first match as a whole and its groups (empty where a group has no part in it); an empty list without a match. "
    "The regular expression is a text in quotes, in the syntax of RE2.",
    'extract_regex("E259,E259B", "E(\\\\d+)") -> ["E259","259"]',
)
def _extract_regex(site: Site) -> Value:
    text = site.take(0, STRING)
    regex = _regex(site, 1)
    if regex.groups > MAX_GROUPS:
        raise site.refusal(1, f"at most {MAX_GROUPS} groups can be extracted, this has {regex.groups}")
    pattern = quote_text(regex.text)

    def body(s: str) -> str:
        found = ", ".join(f"regexp_extract({s}, {pattern}, {group})" for group in range(regex.groups + 1))
        return f"CASE WHEN regexp_matches({s}, {pattern}) THEN [{found}] WHEN {s} IS NOT NULL THEN CAST([] AS VARCHAR[]) END"

    return strict(let([text.sql], body), STRINGS, [text])


@function(
    "matches_regex(s, regex)",
    "logical",
    "Whether the whole text matches a regular expression, which is a text in quotes in the syntax of RE2.",
    'matches_regex("E259", "E\\\\d+") -> true',
)
def _matches_regex(site: Site) -> Value:
    text = site.take(0, STRING)
    return strict(f"regexp_full_match({text.sql}, {quote_text(_regex(site, 1).text)})", BOOLEAN, [text])


def _regex(site: Site, index: int) -> Regex:
    """Return an argument that must be a regular expression written as a text.

    Raises:
        Problem: ``EXPRESSION_TYPE``: it is computed, or DuckDB would not take it.
    """
    text = site.constant(index, "a regular expression")
    try:
        return read_regex(text)
    except RegexError as error:
        raise site.refusal(index, f"regular expression {text!r}, character {error.at + 1}: {error.message}") from error


FUNCTIONS: tuple[Function, ...] = (
    _concat,
    _explode,
    _split,
    _join,
    _instr,
    _replacestr,
    _substr,
    _plain("lower(s)", "The text in lower case.", 'lower("HeLLo") -> hello', "lower({0})", "lcase"),
    _plain("upper(s)", "The text in upper case.", 'upper("HeLLo") -> HELLO', "upper({0})", "ucase"),
    _plain("trim(s)", "The text without spaces at both ends.", 'trim("  a b ") -> a b', "trim({0})"),
    _plain("ltrim(s)", "The text without spaces at its beginning.", 'ltrim("  a") -> a', "ltrim({0})"),
    _plain("rtrim(s)", "The text without spaces at its end.", 'rtrim("a  ") -> a', "rtrim({0})"),
    function("lpad(s, count[, pad])", _STRING, "Filled at the left" + _PAD_DOC, 'lpad("bat", 8, "yz") -> yzyzybat')(
        _pad("lpad")
    ),
    function("rpad(s, count[, pad])", _STRING, "Filled at the right" + _PAD_DOC, 'rpad("bat", 8, "yz") -> batyzyzy')(
        _pad("rpad")
    ),
    function(
        "left(s, n)", _STRING, "The first n characters; a negative n is a transform error.", 'left("abcde", 2) -> ab'
    )(_end("left")),
    function(
        "right(s, n)", _STRING, "The last n characters; a negative n is a transform error.", 'right("abcde", 2) -> de'
    )(_end("right")),
    _extract_regex,
    _matches_regex,
)
"""The functions of texts."""
